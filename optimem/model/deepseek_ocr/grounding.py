"""Grounded answers: `<|ref|>label<|/ref|><|det|>[[x1, y1, x2, y2], …]<|/det|>` to boxes.

A parser, not an evaluator: what the model writes is data. What looks like a region but cannot be
parsed is set apart.
"""

import re
from dataclasses import dataclass

from optimem.protocols import Box

MAX_COORDINATE = 999
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
    """A label and its boxes, in pixels of the image."""

    label: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class GroundedText:
    """An answer without its marks, and the regions it names, in order. `damaged`: parts that look
    like regions but cannot be parsed; they are not in the text."""

    text: str
    regions: tuple[Region, ...]
    damaged: tuple[str, ...]


def parse_grounding(answer: str, width: int, height: int) -> GroundedText:
    """Parse an answer about an image of width × height pixels. A region with a box that is
    inside out or goes beyond the image is damaged."""
    regions, damaged = [], []
    for match in _REGION.finditer(answer):
        boxes = _boxes(match["boxes"], width, height)
        if boxes:
            regions.append(Region(match["label"].strip(), boxes))
        else:
            damaged.append(match[0])
    text = _MARK.sub("", _REGION.sub("", answer))
    return GroundedText(text.strip(), tuple(regions), tuple(damaged))


def _boxes(written: str, width: int, height: int) -> tuple[Box, ...]:
    """The boxes of a region; none if one of them is damaged."""
    if not _BOXES.fullmatch(written):
        return ()
    found = []
    for match in _BOX.finditer(written):
        left, top, right, bottom = map(int, match.groups())
        if max(left, top, right, bottom) > MAX_COORDINATE or right < left or bottom < top:
            return ()
        x = [int(at / MAX_COORDINATE * width) for at in (left, right)]
        y = [int(at / MAX_COORDINATE * height) for at in (top, bottom)]
        found.append(Box(x[0], y[0], x[1], y[1]))
    return tuple(found)
