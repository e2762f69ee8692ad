"""What is embedded as one: a turn, short ones together with those that follow, a long one in parts.
Knows no embedding model.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from optimem.memory.recall.indexed_turns import PAUSE
from optimem.memory.recall.retrieval import IndexRow
from optimem.protocols import REPLACEMENT

LEAST, MOST = 50, 1000
"""Characters of a turn from which on it is a stretch of its own, and of the longest stretch."""


class Stretch(NamedTuple):
    """What is embedded as one: of the turns from number `first` to `last`."""

    first: int
    last: int
    text: str


def stretches(rows: Sequence[IndexRow]) -> list[Stretch]:
    """The stretches of some turns in order; none goes on over a pause. What cannot be read is left
    out."""
    found, texts = list[Stretch](), list[str]()
    first = before = rows[0] if rows else IndexRow(0, "")
    for row in rows:
        apart = bool(first.time) and row.time - before.time > PAUSE
        long = len(row.text) >= LEAST or sum(map(len, texts)) >= LEAST
        if texts and (apart or long):
            found += _parts(first.number, before.number, texts)
            texts = []
        first = first if texts else row
        texts.append(row.text.replace(REPLACEMENT, ""))
        before = row
    found += _parts(first.number, before.number, texts)
    return found


def _parts(first: int, last: int, texts: Sequence[str]) -> Iterator[Stretch]:
    text = "\n".join(texts)
    parts = max(-(-len(text) // MOST), 1)
    ends = [len(text) * part // parts for part in range(parts + 1)]
    for start, end in pairwise(ends):
        if any(map(str.isalnum, text[start:end])):
            yield Stretch(first, last, text[start:end])
