"""A text's blocks: which of its lines are headings, code, tables or prose.

Markdown is told from the text by markdown-it; the text itself is kept to the letter, markup
included, so that every character is drawn. Knows nothing of fonts or pages.
"""

from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt

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
