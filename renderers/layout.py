"""A text to lines that fit: blocks of Markdown, where lines may break, and lines as they look.

markdown-it finds the headings, code and tables; the text itself is kept to the letter, markup
included, so that every character is drawn. Line breaks follow a small part of UAX 14: after
spaces; after "-", "/", "?" and "&" before a letter; and between CJK characters, except before
closing and after opening punctuation. Lengths are 1/64 px. Knows nothing of pages or colours.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt

from optimem.renderers.direction import MAX_PIECES, RTL, is_rtl, pieces, visual_order
from optimem.renderers.shaping import Shaped, longest_fit, shape
from optimem.renderers.typefaces import Font, graphemes

TAB_COLUMNS = 4
"""Columns from one tab stop to the next."""

BlockKind = Literal["prose", "heading", "code", "table"]

BLOCKS: dict[str, BlockKind] = {
    "heading_open": "heading",
    "fence": "code",
    "code_block": "code",
    "table_open": "table",
}
"""By markdown-it's token types; all else is prose."""

SPACE = "[ \t\u1680\u2000-\u2006\u2008-\u200a\u205f\u3000\u200b]"
"""White space at which lines break; no-break spaces are not in it."""

LINE_END = re.compile(r"\r\n?|\n")

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
ATTACHED = (
    "\u0300-\u036f\u200d\u20e3\u3099\u309a\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
)
"""Marks, joiners and tags, which stay with the character before them."""

IN_FLAG = "(?<=[\U0001f1e6-\U0001f1ff])(?=[\U0001f1e6-\U0001f1ff])"
"""Between two regional indicators, which together are a flag."""

BREAK = re.compile(
    r"(?<=[^\W\d]-)(?=[^\W\d])"
    r"|(?<=[/?&])(?=\w)"
    rf"|(?!{IN_FLAG})(?<=[{IDEOGRAPHIC}])(?<![{OPENING}])(?![{CLOSING}{ATTACHED}]|$)"
    rf"|(?!{IN_FLAG})(?<![{OPENING}\u200d])(?=[{IDEOGRAPHIC}])(?![{CLOSING}{ATTACHED}])(?!^)"
)

MAX_SEGMENT = 256
"""The most characters that are kept on one line; no legible line is longer."""


class SourceLine(NamedTuple):
    """One line of a text, which ends with LF, CR LF or CR. `start`: its first character; `end`:
    after its newline."""

    kind: BlockKind
    text: str
    start: int
    end: int


class VisualLine(NamedTuple):
    """A line as drawn. `parts`: with the x of each; `start`, `end`: the characters of the source
    line that it shows; `rtl`: the paragraph runs right to left."""

    parts: tuple[tuple[int, Shaped], ...]
    width: int
    start: int
    end: int
    rtl: bool


def source_lines(text: str) -> Iterator[SourceLine]:
    """The lines of a text in order. Together they cover it."""
    kinds: dict[int, BlockKind] = {}
    for token in _parser().parse(text):
        if token.type in BLOCKS and token.map:
            kinds |= dict.fromkeys(range(*token.map), BLOCKS[token.type])
    start = 0
    stops = [(found.start(), found.end()) for found in LINE_END.finditer(text)]
    for number, (stop, end) in enumerate([*stops, (len(text), len(text))]):
        if end > start or not text:
            yield SourceLine(kinds.get(number, "prose"), text[start:stop], start, end)
        start = end


def segments(text: str) -> Iterator[str]:
    """`text` cut wherever a line may break. Runs of white space are segments of their own."""
    for word in WORD.finditer(text):
        yield from _word_segments(word[0])


def wrap(text: str, font: Font, room: int, *, words: bool, hang: int = 0) -> Iterator[VisualLine]:
    """A source line as lines of at most `room`. `words`: break between words if possible; if
    not, only where a line is full, as in code. `hang`: how far all lines but the first are
    indented, if they run left to right. An empty line is one empty line."""
    if RTL.search(text):
        return _mixed_lines(text, font, room, words)
    return _ltr_lines(text, font, room, words, hang)


def length(text: str, font: Font) -> int:
    """The length of a source line that is not wrapped; of right-to-left text about."""
    expanded = text.expandtabs(TAB_COLUMNS)
    return sum(shape(segment, font, False).width for segment in segments(expanded))


def _ltr_lines(text: str, font: Font, room: int, words: bool, hang: int) -> Iterator[VisualLine]:
    """Text that all runs left to right, of which each segment is shaped by itself."""
    tabs = "\t" in text
    line = _LineBuilder(0)
    for segment in segments(text):
        blank = segment.isspace()
        shaped = shape(line.expanded(segment) if tabs else segment, font, False)
        while segment and line.x + shaped.width > room and not (words and blank):
            indented = not words and not line.parts and line.x < room // 2
            if line.start == line.end or indented:
                fit = longest_fit(segment, font, False, room - line.x)
                line.add(segment[:fit], shape(line.expanded(segment[:fit]), font, False), blank)
                segment = segment[fit:]
            if segment:
                yield line.done()
                line = _LineBuilder(line.end, hang)
            shaped = shape(line.expanded(segment) if tabs else segment, font, False)
        line.add(segment, shaped, blank)
    yield line.done()


class _LineBuilder:
    """A line that takes one segment after the other; `start`, `end`: in the source line."""

    def __init__(self, start: int, indent: int = 0) -> None:
        self.start = self.end = start
        self.x = self.width = indent
        self.column = 0
        self.parts: list[tuple[int, Shaped]] = []

    def expanded(self, segment: str) -> str:
        """A segment with spaces for its tabs."""
        before = " " * (self.column % TAB_COLUMNS)
        return (before + segment).expandtabs(TAB_COLUMNS)[len(before) :]

    def add(self, segment: str, shaped: Shaped, blank: bool) -> None:
        """Set a segment at the end of the line."""
        if shaped.glyphs and not (blank and segment.isascii()):
            self.parts.append((self.x, shaped))
        self.end += len(segment)
        self.column += len(segment) if "\t" not in segment else len(self.expanded(segment))
        self.x += shaped.width
        if not blank:  # white space at the end has no ink
            self.width = self.x

    def done(self) -> VisualLine:
        """The line as drawn."""
        return VisualLine(tuple(self.parts), self.width, self.start, self.end, False)


def _mixed_lines(text: str, font: Font, room: int, words: bool) -> Iterator[VisualLine]:
    """Text of which some may run right to left: a line is ordered as a whole."""
    rtl, start = is_rtl(text), 0
    while start < len(text):
        end = start + _line_length(text[start:], font, rtl, room, words)
        yield _line(text, start, end, font, rtl)
        start = end


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def _shortened(segment: str) -> Iterator[str]:
    """A segment in parts of at most MAX_SEGMENT characters, cut between graphemes if possible."""
    if len(segment) <= MAX_SEGMENT:
        yield segment
        return
    part = ""
    for grapheme in graphemes(segment):
        if part and len(part) + len(grapheme) > MAX_SEGMENT:
            yield part
            part = ""
        part += grapheme
        while len(part) > MAX_SEGMENT:
            yield part[:MAX_SEGMENT]
            part = part[MAX_SEGMENT:]
    yield part


def _line_length(text: str, font: Font, rtl: bool, room: int, words: bool) -> int:
    """How many characters of `text` go on one line, at least one."""
    taken, used, count = 0, 0, 0
    for segment in segments(text):
        count += len(segment)
        width = _width(segment, font, rtl)
        if (used + width > room and not (words and segment.isspace())) or count > MAX_PIECES:
            return taken or longest_fit(segment, font, rtl, room)
        taken, used = taken + len(segment), used + width
    return taken


@lru_cache(maxsize=1 << 16)
def _word_segments(word: str) -> tuple[str, ...]:
    found, start = list[str](), 0
    for place in BREAK.finditer(word):
        found += _shortened(word[start : place.start()])
        start = place.start()
    return (*found, *_shortened(word[start:]))


@lru_cache(maxsize=1 << 16)
def _width(segment: str, font: Font, rtl: bool) -> int:
    return sum(part.width for _, part in placed(segment, font, rtl))


def _line(text: str, start: int, end: int, font: Font, rtl: bool) -> VisualLine:
    parts = placed(text[start:end].rstrip(), font, rtl)  # white space at the end has no ink
    width = sum(part.width for _, part in parts)
    return VisualLine(tuple(parts), width, start, end, rtl)


def placed(text: str, font: Font, rtl: bool) -> list[tuple[int, Shaped]]:
    """The pieces of a line with the x of each, from left to right. `rtl`: the paragraph runs right
    to left."""
    parts = pieces(text.expandtabs(TAB_COLUMNS))
    placed, x = [], 0
    for piece in visual_order(parts, rtl):
        shaped = shape(parts[piece.number], font, piece.rtl)
        placed.append((x, shaped))
        x += shaped.width
    return placed
