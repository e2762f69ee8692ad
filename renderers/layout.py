"""A text's blocks: which of its lines are headings, code, tables or prose.

Markdown is told from the text by markdown-it; the text itself is kept to the letter, markup
included, so that every character is drawn. Knows nothing of fonts or pages.

Where a line may end: a small part of UAX 14, for spaces, URLs and CJK.

Breaks are allowed after spaces; after "-", "/", "?" and "&" before a letter; and between CJK
characters, except before closing and after opening punctuation. Knows nothing of widths.

One source line to lines that fit: broken, ordered as they are seen, and measured.

Knows nothing of pages, colours or pixels; lengths are 1/64 px.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt

from optimem.renderers.direction import MOST_PIECES, is_rtl, pieces, visual_order
from optimem.renderers.shaping import Shaped, cut_to, shape
from optimem.renderers.typefaces import Font, clusters

Kind = Literal["prose", "heading", "code", "table"]

KINDS: dict[str, Kind] = {
    "heading_open": "heading",
    "fence": "code",
    "code_block": "code",
    "table_open": "table",
}


class Line(NamedTuple):
    """One line of a text. `start`: of its first character; `end`: after its newline."""

    kind: Kind
    text: str
    start: int
    end: int


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def lines(text: str) -> Iterator[Line]:
    """The lines of a text in order; together they cover it."""
    kinds: dict[int, Kind] = {}
    for token in _parser().parse(text.replace("\r", "\n")):
        if token.type in KINDS and token.map:
            kinds |= dict.fromkeys(range(*token.map), KINDS[token.type])
    start = 0
    for number, line in enumerate(text.split("\n")):
        end = min(start + len(line) + 1, len(text))
        if end > start or not text:
            yield Line(kinds.get(number, "prose"), line, start, end)
        start = end


SPACE = "[ \t\u1680\u2000-\u2006\u2008-\u200a\u205f\u3000\u200b]"
"""White space at which lines break (the no-break spaces are not among it)."""

WORD = re.compile(f"{SPACE}+|(?:(?!{SPACE}).)+", re.DOTALL)

IDEOGRAPHIC = (
    "\u2e80-\u2fff\u3001-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60"
    "\U0001f000-\U0001faff\U00020000-\U0003fffd"
)
OPENING = re.escape("([{‘“（［｛〈《「『【〔〖〘〚｟")
CLOSING = re.escape(
    ")]}’”%!?,.:;、。，．・：；！？）］｝〉》」』】〕〗〙〛｠…‥々ゝゞヽヾー〻゛゜"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ"
)
ATTACHED = "\u0300-\u036f\u200d\u20e3\u3099\u309a\ufe00-\ufe0f\U0001f3fb-\U0001f3ff"
"""Marks and joiners: they stay with the character before them."""

BREAK = re.compile(
    r"(?<=[^\W\d]-)(?=[^\W\d])"
    r"|(?<=[/?&])(?=\w)"
    rf"|(?<=[{IDEOGRAPHIC}])(?<![{OPENING}])(?![{CLOSING}{ATTACHED}]|$)"
    rf"|(?<![{OPENING}\u200d])(?=[{IDEOGRAPHIC}])(?![{CLOSING}{ATTACHED}])(?!^)"
)

LONGEST = 256
"""Characters that are kept together at most; no line that can be read is longer."""


def units(text: str) -> Iterator[str]:
    """`text` cut wherever a line may end; runs of white space are units of their own."""
    for word in WORD.findall(text):
        start = 0
        for found in BREAK.finditer(word):
            yield from _short(word[start : found.start()])
            start = found.start()
        yield from _short(word[start:])


def _short(unit: str) -> Iterator[str]:
    """`unit`, or parts of it of at most LONGEST characters, between clusters if possible."""
    if len(unit) <= LONGEST:
        yield unit
        return
    held = ""
    for cluster in clusters(unit):
        if len(held) + len(cluster) > LONGEST:
            yield held
            held = ""
        held += cluster
        while len(held) > LONGEST:
            yield held[:LONGEST]
            held = held[LONGEST:]
    yield held


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
