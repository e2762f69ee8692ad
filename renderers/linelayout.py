"""One source line to lines that fit: broken, ordered as they are seen, and measured.

Knows nothing of pages, colours or pixels; lengths are 1/64 px.
"""

from collections.abc import Iterator
from typing import NamedTuple

from optimem.renderers.direction import MOST_PIECES, is_rtl, pieces, visual_order
from optimem.renderers.linebreak import units
from optimem.renderers.shaping import Shaped, cut_to, shape
from optimem.renderers.typefaces import Font

TAB = 4  # columns


class VisualLine(NamedTuple):
    """A line as drawn: its parts with their x, how wide it is, and which characters of the
    source line it shows. `rtl`: the paragraph runs right to left."""

    parts: tuple[tuple[int, Shaped], ...]
    width: int
    start: int
    end: int
    rtl: bool


def wrap(text: str, font: Font, room: int, *, words: bool) -> Iterator[VisualLine]:
    """A source line as lines of at most `room`; `words`: break between words if possible,
    else only where a line is full, as in code. An empty line is one empty line."""
    rtl, start = is_rtl(text), 0
    while start < len(text) or not text:
        end = start + _fitting(text[start:], font, rtl, room, words)
        yield _line(text, start, end, font, rtl)
        if not text:
            return
        start = end


def _fitting(text: str, font: Font, rtl: bool, room: int, words: bool) -> int:
    """How many characters of `text` go on one line, at least one."""
    taken, used, count = 0, 0, 0
    for unit in units(text):
        count += len(unit)
        width = _width(unit, font, rtl)
        if (used + width > room and not (words and unit.isspace())) or count > MOST_PIECES:
            return taken or cut_to(unit, font, rtl, room)
        taken, used = taken + len(unit), used + width
    return taken


def _width(text: str, font: Font, rtl: bool) -> int:
    return sum(part.width for _, part in _ordered(text, font, rtl))


def _ordered(text: str, font: Font, rtl: bool) -> list[tuple[int, Shaped]]:
    """The pieces of a line with their x, left to right."""
    parts = pieces(text.expandtabs(TAB))
    placed, x = [], 0
    for seen in visual_order(parts, rtl):
        shaped = shape(parts[seen.place], font, seen.rtl)
        placed.append((x, shaped))
        x += shaped.width
    return placed


def _line(text: str, start: int, end: int, font: Font, rtl: bool) -> VisualLine:
    parts = _ordered(text[start:end].rstrip(), font, rtl)  # white space there has no ink
    width = sum(part.width for _, part in parts)
    return VisualLine(tuple(parts), width, start, end, rtl)
