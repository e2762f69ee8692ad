"""The readable style: pages for people and for large vision models that read any page.

Roles in colour, headings larger, code and tables monospaced and aligned, wrapped at words,
right-to-left and CJK text shaped. The same input gives the same bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from optimem.errors import InputError
from optimem.protocols import Box
from optimem.renderers.blocks import Kind, lines
from optimem.renderers.linelayout import VisualLine, wrap
from optimem.renderers.raster import Canvas, Colour, draw, fill
from optimem.renderers.shaping import UNIT
from optimem.renderers.typefaces import ASCENT, DESCENT, Font
from optimem.turns import Role, Turn

READABLE_VERSION = "readable-1"
"""Changes whenever the same input would be drawn differently."""

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
    `mono`: all text monospaced. `leading`: height of a line, times its size."""

    width: int = 1024
    height: int = 1024
    margin: int = 48
    size: int = 18
    heading: float = 1.35
    leading: float = 1.4
    mono: bool = False
    colours: dict[Role, Colour] = field(default_factory=lambda: dict(ROLE_COLOURS))

    def __post_init__(self) -> None:
        room = min(self.width, self.height) - 2 * self.margin
        if self.size < 6 or room < 4 * self.size:
            raise InputError(
                f"a page of {self.width} × {self.height} px with margins of {self.margin} has no "
                f"room for text of {self.size} px; use a size of 6 or more on a larger page"
            )

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

    def save(self, path: Path) -> None:
        """Write a PNG."""
        self.image.save(path)


class _Row(NamedTuple):
    """A line to be set: `turn` and `start` of its source line, -1 for a role's label."""

    turn: int
    start: int
    newline: int
    kind: Kind
    font: Font
    colour: Colour
    line: VisualLine


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
    room = (style.width - 2 * style.margin) * UNIT
    for number, turn in enumerate(turns):
        colour = style.colours[turn.role]
        if turn.role != "text":
            label = Font(style.size, bold=True)
            (line,) = wrap(turn.role.capitalize(), label, room, words=True)
            yield _Row(number, -1, 0, "heading", label, colour, line)
        for source in lines(turn.text):
            font = style.font(source.kind)
            newline = source.end - source.start - len(source.text)
            ink = colour if source.kind == "heading" else INK
            words = source.kind in ("prose", "heading")
            for line in wrap(source.text, font, room, words=words):
                last = newline if line.end == len(source.text) else 0
                yield _Row(number, source.start, last, source.kind, font, ink, line)


def _pages(rows: Iterator[_Row], style: ReadableStyle) -> Iterator[ReadablePage]:
    canvas, spans, y = _blank(style), list[LineSpan](), style.margin
    turn = 0
    for row in rows:
        height = round(row.font.size * style.leading)
        y += style.size // 2 if row.turn != turn and y > style.margin else 0
        turn = row.turn
        if y + height > style.height - style.margin:
            yield ReadablePage(canvas, tuple(spans))
            canvas, spans, y = _blank(style), [], style.margin
        box = _set(canvas, row, y, height, style)
        if row.start >= 0:
            line = row.line
            end = row.start + line.end + row.newline
            spans.append(LineSpan(row.turn, row.start + line.start, end, box))
        y += height
    yield ReadablePage(canvas, tuple(spans))


def _blank(style: ReadableStyle) -> Canvas:
    return np.full((style.height, style.width, 3), PAPER, np.uint8)


def _set(canvas: Canvas, row: _Row, y: int, height: int, style: ReadableStyle) -> Box:
    """Draw a line at `y`; its box."""
    room = style.width - 2 * style.margin
    if row.kind in ("code", "table"):
        fill(canvas, style.margin, y, room, height, TINT)
    left = style.margin * UNIT
    if row.line.rtl:
        left += max(room * UNIT - row.line.width, 0)
    ascent, descent = row.font.size * ASCENT, row.font.size * DESCENT
    baseline = y + round((height - ascent - descent) / 2 + ascent)
    for x, part in row.line.parts:
        draw(canvas, part, left + x, baseline, row.colour)
    return Box(left / UNIT, y, (left + row.line.width) / UNIT, y + height)
