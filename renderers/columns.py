"""The lines of turns as rows, and rows as columns of pages. Knows nothing of pixels of ink."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import numpy as np

from optimem.renderers.layout import BlockKind, SourceLine, VisualLine, length, wrap
from optimem.renderers.shaping import SUBPIXELS
from optimem.renderers.style import INK, Colour, ReadableStyle
from optimem.renderers.tables import aligned
from optimem.renderers.typefaces import Font
from optimem.turns import Role

ALIGNED = re.compile(r"\w {3,}\w|\S\t+\S|[│┃|+][-─━=]|^ *[|│┃]")
"""What a line of code has if it is aligned with others: gaps between words, and frames."""

LIST_MARK = re.compile(r"\s*(?:[-*+•]|\d{1,9}[.)])\s+")
"""What a list item begins with."""

MIN_COLUMN = 17
"""The least width of a column, in em: about 34 letters."""

MAX_COLUMNS = 8
WORD = 2
"""What a wrapped line leaves blank at its end, in em."""

FEWER = 0.05
"""The share of a page that one more column must save."""


class Line(NamedTuple):
    """A source line of a turn, which is given by its index."""

    turn: int
    role: Role
    source: SourceLine


class Row(NamedTuple):
    """A line to be drawn. `turn`: its index; `start`, `end`: what it shows of the turn, with the
    newline; `is_text`: not a role's label; `height`: in pixels, to the next line."""

    turn: int
    start: int
    end: int
    is_text: bool
    kind: BlockKind
    font: Font
    colour: Colour
    height: int
    line: VisualLine


Column = list[tuple[Row, int]]
"""Rows, each with its top in pixels."""


def rows_of(lines: Iterable[Line], style: ReadableStyle) -> Iterator[Row]:
    """The rows that lines take, with the labels of roles."""
    turn = -1
    for line, table in _with_tables(lines, style):
        label = line.role.capitalize() if line.turn != turn and line.role != "text" else ""
        prefix = f"{label}: " if style.compact and label and line.source.kind == "prose" else ""
        if label and not prefix:
            yield _label_row(line, label, style)
        yield from _source_rows(line, prefix, style, table)
        turn = line.turn


def fewest_columns(lines: Sequence[Line], style: ReadableStyle) -> int:
    """How many columns show the lines in the least room: many for short lines, one for prose,
    which loses more in breaks than in blank ends."""
    fonts = [_font(line.source, style) for line in lines]
    texts = [line.source.text for line in lines]
    lengths = np.array([length(*pair) for pair in zip(texts, fonts, strict=True)]) / SUBPIXELS
    heights = np.array([style.height_of(f, not t) for t, f in zip(texts, fonts, strict=True)])
    room, least = style.room, np.inf
    best = 1
    for columns in range(1, MAX_COLUMNS + 1):
        room = replace(style, columns=columns).room if columns > 1 else style.room
        if room < MIN_COLUMN * style.size and columns > 1:
            break
        wrapped = np.ceil(lengths / (room - WORD * style.size))
        taken = (heights * np.where(lengths > room, wrapped, 1)).sum() / columns
        if taken < least * (1 - FEWER):
            best, least = columns, taken
    return best


def paged(rows: Iterable[Row], style: ReadableStyle) -> Iterator[tuple[Column, ...]]:
    """The columns of each page."""
    page: list[Column] = []
    for column in _columns(rows, style, style.height - style.margin):
        if len(page) == style.columns:
            yield tuple(page)
            page = []
        page.append(column)
    yield tuple(_balanced(page, style))


def _font(source: SourceLine, style: ReadableStyle) -> Font:
    return style.font(source.kind, source.kind != "code" or bool(ALIGNED.search(source.text)))


def _label_row(line: Line, label: str, style: ReadableStyle) -> Row:
    bold = Font(style.size, bold=True)
    (shown,) = wrap(label, bold, style.room * SUBPIXELS, words=True)
    colour, height = style.colours[line.role], style.height_of(bold)
    return Row(line.turn, 0, 0, False, "heading", bold, colour, height, shown)


def _with_tables(
    lines: Iterable[Line], style: ReadableStyle
) -> Iterator[tuple[Line, VisualLine | None]]:
    """Each line, if it is of a table whose columns fit, as it looks there. Compact pages save the
    room that this takes."""
    for (_, kind), group in groupby(lines, lambda line: (line.turn, line.source.kind)):
        block, shown = list(group), list[VisualLine | None]()
        if kind == "table" and not style.compact:
            texts = [line.source.text for line in block]
            shown = [*aligned(texts, style.font(kind), style.room * SUBPIXELS)]
        yield from zip(block, shown or [None] * len(block), strict=True)


def _source_rows(
    line: Line, prefix: str, style: ReadableStyle, table: VisualLine | None
) -> Iterator[Row]:
    """The rows of a source line, after a role's prefix in its colour, or its row of a table."""
    source, kind, colour = line.source, line.source.kind, style.colours[line.role]
    text, font = prefix + source.text, _font(source, style)
    height, shift = style.height_of(font, blank=not text), source.start - len(prefix)
    ink = colour if kind == "heading" or prefix else INK
    room, words = style.room * SUBPIXELS, kind in ("prose", "heading")
    hang = _hang(source, font, style)
    for shown in [table] if table else wrap(text, font, room, words=words, hang=hang):
        start, end = max(shift + shown.start, source.start), shift + shown.end
        end = source.end if shown.end == len(text) else max(end, source.start)
        yield Row(line.turn, start, end, True, kind, font, ink, height, shown)
        ink = colour if kind == "heading" else INK


def _hang(source: SourceLine, font: Font, style: ReadableStyle) -> int:
    """How far the rest of a long line is indented: of code on compact pages a little more than its
    start, of a list item on others as far as its text."""
    most = style.room * SUBPIXELS // 3
    if source.kind == "code" and style.compact:
        indent = source.text[: len(source.text) - len(source.text.lstrip())]
        return min(length(indent, font) + font.size * SUBPIXELS, most)
    mark = LIST_MARK.match(source.text)
    if source.kind == "prose" and mark and not style.compact:
        return min(length(mark[0], font), most)
    return 0


def _columns(rows: Iterable[Row], style: ReadableStyle, bottom: int) -> Iterator[Column]:
    """Rows one below the other, in as many columns as they take."""
    column, y = Column(), style.margin
    for row in rows:
        gap = style.gap if column and column[-1][0].turn != row.turn else 0
        if column and y + gap + row.height > bottom:
            yield column
            column, y, gap = Column(), style.margin, 0
        column.append((row, y + gap))
        y += gap + row.height
    yield column


def _balanced(page: list[Column], style: ReadableStyle) -> list[Column]:
    """The columns of the last page at about the same height, so that its foot stays blank."""
    rows = [row for column in page for row, _ in column]
    height = sum(row.height for row in rows) // max(style.columns, 1)
    for bottom in range(style.margin + height, style.height - style.margin, style.size):
        if len(columns := list(_columns(rows, style, bottom))) <= style.columns:
            return columns
    return page
