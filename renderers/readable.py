"""The readable style: pages for people and for large vision models that read any page.

Roles have colours, headings are larger, code and tables are monospaced and aligned, lines break
between words, and text in any direction or script is shaped. A page is laid out at once and drawn
when it is asked for. The same input gives the same pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from optimem.errors import InputError
from optimem.protocols import Box
from optimem.renderers.columns import Column, Line, Row, fewest_columns, paged, rows_of
from optimem.renderers.layout import source_lines
from optimem.renderers.raster import FULL, InkPlan
from optimem.renderers.shaping import SUBPIXELS
from optimem.renderers.style import INK, PAPER, TINT, Colour, ReadableStyle
from optimem.renderers.typefaces import ASCENT, DESCENT
from optimem.turns import Turn

GREYS = 16
"""Shades of an ink, from none to full."""
SHADES = ((np.arange(FULL + 1) * (GREYS - 1) + FULL // 2) // FULL).astype(np.uint8)
"""By coverage."""
RULE_COVERAGE = 70
"""Of the line between two columns."""


class LineSpan(NamedTuple):
    """A line on a page: which characters of which turn it shows, and where in pixels."""

    turn: int
    start: int
    end: int
    box: Box


class Drawing(NamedTuple):
    """A page as drawn. `colours`: (H, W), of each pixel the place in `palette`, (C, 3) RGB."""

    colours: NDArray[np.uint8]
    palette: NDArray[np.uint8]

    @property
    def image(self) -> Image.Image:
        """As a Pillow image with a palette."""
        image = Image.fromarray(self.colours).convert("P")
        image.putpalette(self.palette.tobytes())
        return image


@dataclass(frozen=True)
class ReadablePage:
    """A page, laid out: its `columns` of rows, from left to right."""

    style: ReadableStyle
    columns: tuple[Column, ...]

    @property
    def spans(self) -> tuple[LineSpan, ...]:
        """Its lines in reading order."""
        return tuple(self._span(row, left, top) for left, row, top in self._rows if row.is_text)

    @property
    def bottom(self) -> int:
        """Where its last line ends, in pixels from the top."""
        return max(column[-1][1] + column[-1][0].height for column in self.columns if column)

    @property
    def end(self) -> tuple[int, int]:
        """Where its text ends: the turn, and the character after the last one shown."""
        last = next(row for row, _ in reversed(self.columns[-1]) if row.is_text)
        return last.turn, last.end

    def draw(self, height: int | None = None) -> Drawing:
        """The page, or its upper `height` pixels."""
        height = height or self.style.height
        plan = InkPlan()
        for left, row, top in self._rows:
            start, baseline = _start(row, left, self.style.room), top + _baseline(row)
            for offset, part in row.line.parts:
                plan.add(part, start + offset, baseline)
        for number in range(1, len(self.columns)):
            x = self.style.left(number) - self.style.gutter // 2
            top, bottom = self.style.margin, min(height, self.bottom)
            plan.fill(x, top, self.style.rule, bottom - top, RULE_COVERAGE)
        return self._coloured(SHADES[plan.ink(self.style.width, height)])

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB."""
        drawing = self.draw()
        return drawing.palette[drawing.colours]

    @property
    def image(self) -> Image.Image:
        """The page as a Pillow image."""
        return self.draw().image

    def save(self, path: Path) -> None:
        """Write a PNG."""
        self.image.save(path)

    @property
    def _rows(self) -> list[tuple[int, Row, int]]:
        """Each row with the left of its column and its top."""
        lefts = [self.style.left(number) for number in range(len(self.columns))]
        pairs = zip(lefts, self.columns, strict=True)
        return [(left, row, top) for left, column in pairs for row, top in column]

    def _span(self, row: Row, left: int, top: int) -> LineSpan:
        start = _start(row, left, self.style.room)
        first = row.line.parts[0][0] if row.line.parts else 0
        box = Box(
            (start + first) / SUBPIXELS, top, (start + row.line.width) / SUBPIXELS, top + row.height
        )  # fmt: skip
        return LineSpan(row.turn, row.start, row.end, box)

    def _coloured(self, index: NDArray[np.uint8]) -> Drawing:
        """Shades as colours: rows have inks and papers of their own."""
        pairs: dict[tuple[Colour, Colour], int] = {(INK, PAPER): 0}
        room = self.style.room
        for left, row, top in self._rows:
            paper = TINT if self.style.tinted(row.kind) else PAPER
            number = pairs.setdefault((row.colour, paper), len(pairs))
            index[top : top + row.height, left : left + room] += GREYS * number
        return Drawing(index, np.concatenate([_shades(*pair) for pair in pairs]))


def render_pages(
    turns: Sequence[Turn] | str, style: ReadableStyle | None = None
) -> list[ReadablePage]:
    """The pages that show turns, or one text, in order. Raises InputError if there is no text."""
    style = style or ReadableStyle()
    given = (Turn(text=turns, role="text"),) if isinstance(turns, str) else tuple(turns)
    if not any(turn.text for turn in given):
        raise InputError("there is no text to draw; give at least one character")
    lines = _lines(given)
    if not style.columns:
        style = replace(style, columns=fewest_columns(lines, style))
    return [ReadablePage(style, columns) for columns in paged(rows_of(lines, style), style)]


@lru_cache(maxsize=8)
def _lines(turns: tuple[Turn, ...]) -> list[Line]:
    """The source lines of all turns; kept for the next size of their text."""
    return [
        Line(number, turn.role, source)
        for number, turn in enumerate(turns)
        for source in source_lines(turn.text)
    ]


def _baseline(row: Row) -> int:
    """Pixels from a row's top to its baseline."""
    ascent, descent = row.font.size * ASCENT, row.font.size * DESCENT
    return round((row.height - ascent - descent) / 2 + ascent)


def _start(row: Row, left: int, room: int) -> int:
    """Where a row's ink starts in its column, in 1/64 px."""
    blank = room * SUBPIXELS - row.line.width
    return left * SUBPIXELS + (max(blank, 0) if row.line.rtl else 0)


def _shades(ink: Colour, paper: Colour) -> NDArray[np.uint8]:
    """(GREYS, 3) colours from paper to ink."""
    share = np.linspace(0, 1, GREYS)[:, None]
    return np.round(np.array(paper) * (1 - share) + np.array(ink) * share).astype(np.uint8)
