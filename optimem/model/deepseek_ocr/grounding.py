"""Grounded answers: `<|ref|>label<|/ref|><|det|>[[x1, y1, x2, y2], …]<|/det|>` to boxes.

A parser, not an evaluator: what the model writes is data. Damaged parts stay text.
"""

import re
from dataclasses import dataclass

from optimem.protocols import Box

COORDINATES = 999
"""The model's coordinates run from 0 to this on either side, whatever the image's size."""

_REGION = re.compile(
    r"<\|ref\|>(?P<label>.*?)<\|/ref\|>\s*<\|det\|>(?P<boxes>[^<]*)<\|/det\|>", re.DOTALL
)
_NUMBER = r"\s*(\d{1,4})\s*"
_BOX = re.compile(rf"\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\]")
_BOXES = re.compile(rf"\s*\[\s*{_BOX.pattern}(?:\s*,\s*{_BOX.pattern})*\s*\]\s*")
_MARK = re.compile(r"<\|/?(?:ref|det|grounding)\|>")


@dataclass(frozen=True)
class Region:
    """A label and its boxes in pixels of the original image."""

    label: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Grounded:
    """An answer without its marks, and the regions it named, in order. `damaged`: parts that
    look like regions but cannot be read as such; they are left out of the text."""

    text: str
    regions: tuple[Region, ...]
    damaged: tuple[str, ...]


def parse_grounding(answer: str, width: int, height: int) -> Grounded:
    """Read an answer about an image of width × height pixels. Coordinates beyond the image
    and boxes inside out are damaged."""
    regions, damaged = [], []
    for match in _REGION.finditer(answer):
        boxes = _boxes(match["boxes"], width, height)
        if boxes:
            regions.append(Region(match["label"].strip(), boxes))
        else:
            damaged.append(match[0])
    text = _MARK.sub("", _REGION.sub("", answer))
    return Grounded(text.strip(), tuple(regions), tuple(damaged))


def _boxes(written: str, width: int, height: int) -> tuple[Box, ...]:
    """The boxes, or none if any of them is damaged."""
    if not _BOXES.fullmatch(written):
        return ()
    found = []
    for match in _BOX.finditer(written):
        left, top, right, bottom = map(int, match.groups())
        if max(left, top, right, bottom) > COORDINATES or right < left or bottom < top:
            return ()
        found.append(
            Box(
                int(left / COORDINATES * width),
                int(top / COORDINATES * height),
                int(right / COORDINATES * width),
                int(bottom / COORDINATES * height),
            )
        )
    return tuple(found)
