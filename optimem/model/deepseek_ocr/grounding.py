"""Grounded answers: `<|ref|>label<|/ref|><|det|>[[x1, y1, x2, y2], …]<|/det|>` to boxes.

A parser, not an evaluator: what the model writes is data. As in the published code, one bad box
does not cost the others; what cannot be parsed is set apart.
"""

import json
import re
from dataclasses import dataclass
from math import isfinite
from typing import Any

from optimem.protocols import Box

MAX_COORDINATE = 999
"""The model's coordinates run from 0 to this on either side, whatever the image's size."""

_REGION = re.compile(
    r"<\|ref\|>(?P<label>.*?)<\|/ref\|>\s*<\|det\|>(?P<boxes>[^<]*)<\|/det\|>", re.DOTALL
)
_REF = "<|ref|>"
_MARKS = tuple(f"<|{end}{name}|>" for name in ("ref", "det", "grounding") for end in ("", "/"))
_MARK = re.compile(r"<\|/?(?:ref|det|grounding)\|>")


@dataclass(frozen=True)
class Region:
    """A label and its boxes, in pixels of the image."""

    label: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class GroundedText:
    """An answer without its marks, and the regions it names, in order. `damaged`: parts that look
    like regions, with a box that cannot be parsed; they are not in the text."""

    text: str
    regions: tuple[Region, ...]
    damaged: tuple[str, ...]


def parse_grounding(answer: str, width: int, height: int) -> GroundedText:
    """Parse an answer about an image of width × height pixels. What goes beyond the image ends at
    its edge. A box that is inside out is damaged; the other boxes of its region count."""
    regions, damaged = [], []
    for match in _REGION.finditer(answer):
        written = _listed(match["boxes"])
        boxes = [box for each in written if (box := _box(each, width, height))]
        if boxes:
            regions.append(Region(match["label"].strip(), tuple(boxes)))
        if not boxes or len(boxes) < len(written):
            damaged.append(match[0])
    text = _MARK.sub("", _REGION.sub("", answer))
    return GroundedText(text.strip(), tuple(regions), tuple(damaged))


class GroundedTextStream:
    """The text of an answer without its marks, piece by piece: together what `parse_grounding`
    makes of the whole. Held back is only what may yet be part of a region, a mark, or white space
    at the end."""

    def __init__(self) -> None:
        self._region, self._mark, self._space, self._begun = "", "", "", False

    def feed(self, piece: str) -> str:
        """The text that a piece makes certain."""
        return self._stripped(self._unmarked(self._outside(piece)))

    def end(self) -> str:
        """The text that was held back, once there is no more."""
        left = self._unmarked(_REGION.sub("", self._region)) + self._mark
        self._region = self._mark = ""
        return self._stripped(left)

    def _outside(self, piece: str) -> str:
        """What stands outside of regions."""
        self._region += piece
        outside = ""
        while True:
            start = self._region.find(_REF)
            if start < 0:
                start = _partial(self._region, (_REF,))
            outside, self._region = outside + self._region[:start], self._region[start:]
            whole = _REGION.match(self._region)
            if whole is None:
                return outside
            self._region = self._region[whole.end() :]

    def _unmarked(self, text: str) -> str:
        text = _MARK.sub("", self._mark + text)
        start = _partial(text, _MARKS)
        self._mark = text[start:]
        return text[:start]

    def _stripped(self, text: str) -> str:
        """Without white space at the start; that at the end waits for more text."""
        text = self._space + text if self._begun else text.lstrip()
        shown = text.rstrip()
        self._space, self._begun = text[len(shown) :], self._begun or bool(shown)
        return shown


def _partial(text: str, marks: tuple[str, ...]) -> int:
    """Where the start of a mark begins that the text ends with; its length if it does not."""
    longest = max(map(len, marks)) - 1
    starts = (at for at in range(max(0, len(text) - longest), len(text)))
    return next((at for at in starts if any(m.startswith(text[at:]) for m in marks)), len(text))


def _listed(written: str) -> list[Any]:
    """The boxes of a region as they are written; none if that is not a list."""
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _box(written: Any, width: int, height: int) -> Box | None:
    """A box in pixels; None if it is not four numbers, or inside out."""
    if not isinstance(written, list) or len(written) != 4 or not all(map(_is_number, written)):
        return None
    left, top, right, bottom = (min(max(at, 0), MAX_COORDINATE) for at in written)
    if right < left or bottom < top:
        return None
    x = [int(at / MAX_COORDINATE * width) for at in (left, right)]
    y = [int(at / MAX_COORDINATE * height) for at in (top, bottom)]
    return Box(x[0], y[0], x[1], y[1])


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and isfinite(value))
