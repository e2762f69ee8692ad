"""Exact values listed as text beside pages, so that no model has to spell them from pixels: all of
them where that pays, else those that matter most.

Knows nothing of how pages are drawn, or of models.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

from optimem.prompts.pages import PageImage, TextPosition
from optimem.text.exact import hard_values

CONTEXT_WORDS = 3
CONTEXT_LENGTH = 60
CONTEXT_WORD = re.compile(r"\w[^\W_]*(?:['’-]\w+)*")
ALL_TITLE = "Exact values on these pages, to the letter:"
SOME_TITLE = "The main exact values on these pages, to the letter (others are on the pages alone):"


class ExactValue(NamedTuple):
    """A value that must come back verbatim. `start`: where in its turn; `context`: the words
    before it."""

    start: int
    text: str
    context: str

    def __str__(self) -> str:
        return f"{self.context} {self.text}".lstrip()


def exact_values_of(text: str) -> list[ExactValue]:
    """The values in a text that a reader of small print could get wrong."""
    found, free = [], 0
    for start, end in hard_values(text):
        line = text[max(free, start - CONTEXT_LENGTH) : start].rpartition("\n")[2]
        words = CONTEXT_WORD.findall(line)[-CONTEXT_WORDS:]
        found.append(ExactValue(start, text[start:end], " ".join(words)))
        free = end
    return found


def exact_values_by_page(
    values: Sequence[Sequence[ExactValue]], pages: Sequence[PageImage]
) -> list[list[ExactValue]]:
    """The values on each page; `values`: of each turn. A value is on the page where it begins."""
    ends = [page.end for page in pages]
    by_page: list[list[ExactValue]] = [[] for _ in pages]
    for turn, found in enumerate(values):
        for value in found:
            page = bisect_right(ends, TextPosition(turn, value.start))
            by_page[min(page, len(ends) - 1)].append(value)
    return by_page


class Listing(NamedTuple):
    """`text`: the values under a title, one line per page; empty if there are none. `listed`: how
    many it has. `left_out`: how many others there are."""

    text: str
    listed: int
    left_out: int


def list_values(
    by_page: Sequence[Sequence[ExactValue]], room: int, count: Callable[[str], int]
) -> Listing:
    """The values on each page, each where it first occurs: all of them if that costs at most
    `room` tokens by `count`, else as many as cost no more, those that matter most first."""
    ranked = _ranked(by_page)
    listed = _most(len(ranked), lambda some: count(_format(by_page, ranked, some)) <= room)
    return Listing(_format(by_page, ranked, listed), listed, len(ranked) - listed)


def _ranked(by_page: Sequence[Sequence[ExactValue]]) -> list[str]:
    """The values by how much they matter: those that come again, those that words introduce, and
    the shorter, which people and tools hand on and which cost less to list."""
    values = list(chain.from_iterable(by_page))
    times = Counter(value.text for value in values)
    named = {value.text for value in values if value.context}
    return sorted(times, key=lambda text: (times[text] == 1, text not in named, len(text)))


def _most(last: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `last` that fits, by binary search; 0 if none does."""
    if fits(last):
        return last
    first = 0
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (middle, last) if fits(middle) else (first, middle)
    return first


def _format(by_page: Sequence[Sequence[ExactValue]], ranked: Sequence[str], some: int) -> str:
    """The first `some` of the ranked values under a title, one line per page."""
    left, lines = set(ranked[:some]), list[str]()
    for number, values in enumerate(by_page, 1):
        first = {value.text: value for value in reversed(values) if value.text in left}
        if first:
            shown = "; ".join(str(value) for value in sorted(first.values()))
            lines.append(f"page {number}: {shown}")
        left -= first.keys()
    title = ALL_TITLE if some == len(ranked) else SOME_TITLE
    return "\n".join([title, *lines]) if lines else ""
