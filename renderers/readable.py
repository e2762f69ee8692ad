"""The readable style: pages for people and for large vision models that read any page.

Roles have colours, headings are larger, code and tables are monospaced and aligned, lines break
between words, and text in any direction or script is shaped. The same input gives the same bytes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from optimem.errors import InputError
from optimem.protocols import Box
from optimem.renderers.layout import BlockKind, SourceLine, VisualLine, source_lines, wrap
from optimem.renderers.raster import Canvas, Colour, draw, fill
from optimem.renderers.shaping import SUBPIXELS
from optimem.renderers.typefaces import ASCENT, DESCENT, Font
from optimem.turns import Role, Turn

MIN_COLUMN = 60
"""Letters in a line, each about half as wide as high. A second column with shorter lines would
cost more in line breaks than it saves in blank ends."""

DENSE_MARGIN = 12  # pixels
PAPER: Colour = (255, 255, 255)
INK: Colour = (26, 29, 33)
TINT: Colour = (243, 245, 247)
ROLE_COLOURS: dict[Role, Colour] = {
    "system": (91, 101, 112),
    "user": (11, 87, 165),
    "assistant": (11, 110, 79),
    "tool": (150, 82, 8),
    "text": (91, 101, 112),
}


@dataclass(frozen=True)
class ReadableStyle:
    """How pages look; lengths are in pixels. `size`: em of the body text. `heading`: size of
    headings, times `size`. `leading`: height of a line, times its size. `mono`: all text is
    monospaced. `columns`: on a page, filled one after the other. `inline`: a turn's role precedes
    its first words instead of having a line of its own. Raises InputError if a column has no room
    for a few letters."""

    width: int = 1024
    height: int = 1024
    margin: int = 48
    size: int = 18
    heading: float = 1.35
    leading: float = 1.4
    mono: bool = False
    columns: int = 1
    inline: bool = False
    colours: dict[Role, Colour] = field(default_factory=lambda: dict(ROLE_COLOURS))

    def __post_init__(self) -> None:
        room = min(self.room, self.height - 2 * self.margin) if self.columns > 0 else 0
        if self.size < 6 or room < 4 * self.size:
            raise InputError(
                f"a page of {self.width} × {self.height} px with margins of {self.margin} has no "
                f"room for text of {self.size} px in {self.columns} columns; use a size of 6 or "
                "more on a larger page"
            )

    @classmethod
    def dense(cls, width: int, height: int, size: int) -> "ReadableStyle":
        """The most text of a size that a page holds and a model reads: with two columns if each
        has room for `MIN_COLUMN` letters."""
        columns = 2 if width >= 2 * MIN_COLUMN * size // 2 else 1
        return cls(width, height, DENSE_MARGIN, size, leading=1.2, columns=columns, inline=True)

    @property
    def room(self) -> int:
        """Width of a column. Two margins separate columns."""
        return self.width // self.columns - 2 * self.margin

    @property
    def gap(self) -> int:
        """Space between turns."""
        return self.size // (6 if self.inline else 2)

    def font(self, kind: BlockKind) -> Font:
        """The font of a kind of block."""
        if kind == "heading":
            return Font(round(self.size * self.heading), mono=self.mono, bold=True)
        return Font(self.size, mono=self.mono or kind in ("code", "table"))


class LineSpan(NamedTuple):
    """A line on a page: which characters of which turn it shows, and where in pixels."""

    turn: int
    start: int
    end: int
    box: Box


@dataclass(frozen=True)
class ReadablePage:
    """A page. `pixels`: (H, W, 3) RGB; `spans`: its lines in reading order."""

    pixels: Canvas
    spans: tuple[LineSpan, ...]

    @property
    def image(self) -> Image.Image:
        """The page as a Pillow image."""
        return Image.fromarray(self.pixels)

    def trimmed(self, margin: int) -> Canvas:
        """The pixels down to the last line, and a margin."""
        bottom = round(max(span.box.bottom for span in self.spans)) if self.spans else margin
        return self.pixels[: bottom + margin]

    def save(self, path: Path) -> None:
        """Write a PNG."""
        self.image.save(path)


def render_pages(
    turns: Sequence[Turn] | str, style: ReadableStyle | None = None
) -> list[ReadablePage]:
    """The pages that show turns, or one text, in order. Raises InputError if there is no text."""
    style = style or ReadableStyle()
    given = [Turn(text=turns, role="text")] if isinstance(turns, str) else list(turns)
    if not any(turn.text for turn in given):
        raise InputError("there is no text to draw; give at least one character")
    return list(_pages(_rows(given, style), style))


class _Row(NamedTuple):
    """A line to be drawn. `turn`: its index; `start`: of its source line in the turn, None for a
    role's label; `newline`: the number of characters after it that end the source line."""

    turn: int
    start: int | None
    newline: int
    kind: BlockKind
    font: Font
    colour: Colour
    line: VisualLine

    def height(self, style: ReadableStyle) -> int:
        """Pixels from this line to the next."""
        return round(self.font.size * style.leading)


_Column = list[tuple[_Row, int]]
"""Rows, each with its top in pixels."""


def _rows(turns: Sequence[Turn], style: ReadableStyle) -> Iterator[_Row]:
    for number, turn in enumerate(turns):
        colour = style.colours[turn.role]
        label = turn.role.capitalize() if turn.role != "text" else ""
        for source in source_lines(turn.text):
            prefix = f"{label}: " if label and style.inline and source.kind == "prose" else ""
            if label and not prefix:
                yield _label_row(number, label, colour, style)
            yield from _source_rows(number, source, prefix, colour, style)
            label = ""


def _label_row(turn: int, label: str, colour: Colour, style: ReadableStyle) -> _Row:
    bold = Font(style.size, bold=True)
    (line,) = wrap(label, bold, style.room * SUBPIXELS, words=True)
    return _Row(turn, None, 0, "heading", bold, colour, line)


def _source_rows(
    turn: int, source: SourceLine, prefix: str, colour: Colour, style: ReadableStyle
) -> Iterator[_Row]:
    """The rows of a source line, after a role's prefix in its colour."""
    text, font, kind = prefix + source.text, style.font(source.kind), source.kind
    start = source.start - len(prefix)
    ink = colour if kind == "heading" or prefix else INK
    for line in wrap(text, font, style.room * SUBPIXELS, words=kind in ("prose", "heading")):
        newline = source.end - source.start - len(source.text) if line.end == len(text) else 0
        yield _Row(turn, start, newline, kind, font, ink, line)
        ink = colour if kind == "heading" else INK


def _pages(rows: Iterator[_Row], style: ReadableStyle) -> Iterator[ReadablePage]:
    page: list[_Column] = []
    for column in _columns(rows, style, style.height - style.margin):
        if len(page) == style.columns:
            yield _page(page, style)
            page = []
        page.append(column)
    yield _page(_balanced(page, style), style)


def _columns(rows: Iterable[_Row], style: ReadableStyle, bottom: int) -> Iterator[_Column]:
    """Rows one below the other, in as many columns as they take."""
    column, y = list[tuple[_Row, int]](), style.margin
    for row in rows:
        gap = style.gap if column and column[-1][0].turn != row.turn else 0
        if column and y + gap + row.height(style) > bottom:
            yield column
            column, y, gap = [], style.margin, 0
        column.append((row, y + gap))
        y += gap + row.height(style)
    yield column


def _balanced(page: list[_Column], style: ReadableStyle) -> list[_Column]:
    """The columns of the last page at about the same height, so that its foot stays blank."""
    rows = [row for column in page for row, _ in column]
    height = sum(row.height(style) for row in rows) // style.columns
    for bottom in range(style.margin + height, style.height - style.margin, style.size):
        if len(columns := list(_columns(rows, style, bottom))) <= style.columns:
            return columns
    return page


def _page(columns: Sequence[_Column], style: ReadableStyle) -> ReadablePage:
    canvas = np.full((style.height, style.width, 3), PAPER, np.uint8)
    spans: list[LineSpan] = []
    for number, column in enumerate(columns):
        left = number * (style.width // style.columns) + style.margin
        for row, top in column:
            box = _draw_row(canvas, row, left, top, style)
            if row.start is not None:
                line = row.line
                start, end = row.start + line.start, row.start + line.end + row.newline
                spans.append(LineSpan(row.turn, max(start, 0), max(end, 0), box))
    return ReadablePage(canvas, tuple(spans))


def _draw_row(canvas: Canvas, row: _Row, left: int, top: int, style: ReadableStyle) -> Box:
    """Draw a row in a column; its box."""
    room, height = style.room, row.height(style)
    if row.kind in ("code", "table"):
        fill(canvas, left, top, room, height, TINT)
    x = left * SUBPIXELS
    if row.line.rtl:
        x += max(room * SUBPIXELS - row.line.width, 0)
    ascent, descent = row.font.size * ASCENT, row.font.size * DESCENT
    baseline = top + round((height - ascent - descent) / 2 + ascent)
    for offset, part in row.line.parts:
        draw(canvas, part, x + offset, baseline, row.colour)
    return Box(x / SUBPIXELS, top, (x + row.line.width) / SUBPIXELS, top + height)
