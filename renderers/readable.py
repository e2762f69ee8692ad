"""The readable style: pages for people and for large vision models that read any page.

Roles in colour, headings larger, code and tables monospaced and aligned, wrapped at words,
right-to-left and CJK text shaped. The same input gives the same bytes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from optimem.errors import InputError
from optimem.protocols import Box
from optimem.renderers.layout import Kind, VisualLine, lines, wrap
from optimem.renderers.raster import Canvas, Colour, draw, fill
from optimem.renderers.shaping import UNIT
from optimem.renderers.typefaces import ASCENT, DESCENT, Font
from optimem.turns import Role, Turn

READABLE_VERSION = "readable-1"
"""Changes whenever the same input would be drawn differently."""

COLUMN = 60
"""Letters of a line, each about half as wide as high, below which a second column costs more in
broken lines than it saves in blank ends."""
DENSE_MARGIN = 12
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
    """How pages look. Lengths in pixels. `size`: of the body text; `heading`: times that.
    `mono`: all text monospaced. `leading`: height of a line, times its size. `columns`: text
    runs down the first, then the next. `inline`: a turn's role stands before its first words
    rather than on a line of its own."""

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
        """As much text of a size as a page holds and a model reads: two columns where each is
        wide enough for `COLUMN` letters."""
        columns = 2 if width >= 2 * COLUMN * size // 2 else 1
        return cls(width, height, DENSE_MARGIN, size, leading=1.2, columns=columns, inline=True)

    @property
    def room(self) -> int:
        """Width of a column; between columns lie two margins."""
        return self.width // self.columns - 2 * self.margin

    @property
    def gap(self) -> int:
        """Between turns."""
        return self.size // (6 if self.inline else 2)

    def font(self, kind: Kind) -> Font:
        """The font of a block."""
        if kind == "heading":
            return Font(round(self.size * self.heading), mono=self.mono, bold=True)
        return Font(self.size, mono=self.mono or kind in ("code", "table"))


class LineSpan(NamedTuple):
    """A line on a page: characters `start` to `end` of a turn, and where they are drawn."""

    turn: int
    start: int
    end: int
    box: Box


@dataclass(frozen=True)
class ReadablePage:
    """A page: its pixels (H, W, 3), and what is where, in reading order."""

    pixels: Canvas
    spans: tuple[LineSpan, ...]

    @property
    def image(self) -> Image.Image:
        """The page as a Pillow image."""
        return Image.fromarray(self.pixels)

    def trimmed(self, margin: int) -> Canvas:
        """The pixels down to the last line and a margin."""
        bottom = round(max(span.box.bottom for span in self.spans)) if self.spans else margin
        return self.pixels[: bottom + margin]

    def save(self, path: Path) -> None:
        """Write a PNG."""
        self.image.save(path)


class _Row(NamedTuple):
    """A line to be set: `turn` and `start` of its source line, None for a role's label."""

    turn: int
    start: int | None
    newline: int
    kind: Kind
    font: Font
    colour: Colour
    line: VisualLine

    def height(self, style: ReadableStyle) -> int:
        """Pixels from this line to the next."""
        return round(self.font.size * style.leading)


_Column = list[tuple[_Row, int]]
"""Rows and where each starts, in pixels from the top."""


def render_pages(
    turns: Sequence[Turn] | str, style: ReadableStyle | None = None
) -> list[ReadablePage]:
    """Pages that show some turns, or one text, in order. Raises InputError for no text."""
    style = style or ReadableStyle()
    given = [Turn(text=turns, role="text")] if isinstance(turns, str) else list(turns)
    if not any(turn.text for turn in given):
        raise InputError("there is no text to draw; give at least one character")
    return list(_pages(_rows(given, style), style))


def _rows(turns: Sequence[Turn], style: ReadableStyle) -> Iterator[_Row]:
    room = style.room * UNIT
    for number, turn in enumerate(turns):
        colour = style.colours[turn.role]
        label = turn.role.capitalize() if turn.role != "text" else ""
        for source in lines(turn.text):
            prose, font, text, start = source.kind == "prose", style.font(source.kind), "", 0
            if label and style.inline and prose:
                text, start = f"{label}: ", -len(label) - 2
            elif label:
                bold = Font(style.size, bold=True)
                (line,) = wrap(label, bold, room, words=True)
                yield _Row(number, None, 0, "heading", bold, colour, line)
            newline = source.end - source.start - len(source.text)
            ink = colour if source.kind == "heading" or text else INK
            text += source.text
            for line in wrap(text, font, room, words=prose or source.kind == "heading"):
                last = newline if line.end == len(text) else 0
                yield _Row(number, source.start + start, last, source.kind, font, ink, line)
                ink = colour if source.kind == "heading" else INK
            label = ""


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
    """The last page with columns of about the same height, so that its foot stays blank."""
    rows = [row for column in page for row, _ in column]
    height = sum(row.height(style) for row in rows) // style.columns
    for bottom in range(style.margin + height, style.height - style.margin, style.size):
        if len(columns := list(_columns(rows, style, bottom))) <= style.columns:
            return columns
    return page


def _page(columns: Sequence[_Column], style: ReadableStyle) -> ReadablePage:
    canvas, spans = _blank(style), list[LineSpan]()
    for number, column in enumerate(columns):
        left = number * (style.width // style.columns) + style.margin
        for row, y in column:
            box = _set(canvas, row, left, y, style)
            if row.start is not None:
                line = row.line
                start, end = row.start + line.start, row.start + line.end + row.newline
                spans.append(LineSpan(row.turn, max(start, 0), max(end, 0), box))
    return ReadablePage(canvas, tuple(spans))


def _blank(style: ReadableStyle) -> Canvas:
    return np.full((style.height, style.width, 3), PAPER, np.uint8)


def _set(canvas: Canvas, row: _Row, left: int, y: int, style: ReadableStyle) -> Box:
    """Draw a line at the top left of its place in a column; its box."""
    room, height = style.room, row.height(style)
    if row.kind in ("code", "table"):
        fill(canvas, left, y, room, height, TINT)
    x = left * UNIT
    if row.line.rtl:
        x += max(room * UNIT - row.line.width, 0)
    ascent, descent = row.font.size * ASCENT, row.font.size * DESCENT
    baseline = y + round((height - ascent - descent) / 2 + ascent)
    for offset, part in row.line.parts:
        draw(canvas, part, x + offset, baseline, row.colour)
    return Box(x / UNIT, y, (x + row.line.width) / UNIT, y + height)
