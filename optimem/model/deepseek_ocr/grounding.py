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
