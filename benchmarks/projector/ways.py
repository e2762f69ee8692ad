"""What stands in a prompt for a stretch of a page: nothing, all of its text, its soft tokens, or
the text that as many tokens, or as many bytes, would buy instead.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from math import log
from typing import NamedTuple

import numpy as np

NOTHING, WHOLE, PROJECTED = "nothing", "the whole text", "projected"
ANOTHER = "projected, of another page"
"""Tells what comes of soft tokens as such, whatever they stand for."""
PIECE_WORDS = 8
"""Words of a piece that BM25 ranks."""
SATURATION, LENGTH = 1.2, 0.75
WORD = re.compile(r"\w+")

Sized = Callable[[str], int]
"""What a text costs: tokens or bytes."""


class Choice(NamedTuple):
    """A way to choose text: its name, and what it keeps of a text for a query within a budget."""

    name: str
    keep: Callable[[str, str, int, Sized, np.random.Generator], str]


def newest(text: str, query: str, room: int, size: Sized, rng: np.random.Generator) -> str:
    """The end of the text."""
    pieces = _pieces(text)
    kept = len(pieces)
    while kept and size("".join(pieces[kept - 1 :])) <= room:
        kept -= 1
    return "".join(pieces[kept:])


def anywhere(text: str, query: str, room: int, size: Sized, rng: np.random.Generator) -> str:
    """A stretch that begins at a random place."""
    pieces = _pieces(text)
    last = len(newest(text, query, room, size, rng))
    starts = np.cumsum([0, *map(len, pieces)])
    start = int(rng.integers(int((starts <= len(text) - last).sum())))
    end = start
    while end < len(pieces) and size("".join(pieces[start : end + 1])) <= room:
        end += 1
    return "".join(pieces[start:end])


def best_matching(text: str, query: str, room: int, size: Sized, rng: np.random.Generator) -> str:
    """The pieces that BM25 finds for a query, in their order."""
    words = _pieces(text)
    pieces = ["".join(words[at : at + PIECE_WORDS]) for at in range(0, len(words), PIECE_WORDS)]
    ranked = np.argsort(-np.array(list(_scores(pieces, query))), kind="stable")
    kept: list[int] = []
    for place in ranked.tolist():
        if size("".join(pieces[at] for at in sorted([*kept, place]))) <= room:
            kept.append(place)
    return "".join(pieces[at] for at in sorted(kept))


CHOICES = (
    Choice("newest text", newest),
    Choice("random stretch", anywhere),
    Choice("BM25 text", best_matching),
)


def _pieces(text: str) -> list[str]:
    """Words, each with the space after it."""
    return re.findall(r"\s*\S+\s*?(?=\s\S|\s*$)|\s+", text) or [text]


def _scores(pieces: list[str], query: str) -> Iterator[float]:
    counts = [Counter(WORD.findall(piece.lower())) for piece in pieces]
    mean = sum(sum(each.values()) for each in counts) / len(counts) or 1.0
    wanted = set(WORD.findall(query.lower()))
    weights = {}
    for word in wanted:
        having = sum(word in each for each in counts)
        weights[word] = log(1 + (len(counts) - having + 0.5) / (having + 0.5))
    for each in counts:
        long = 1 - LENGTH + LENGTH * sum(each.values()) / mean
        yield sum(
            weights[word] * each[word] * (SATURATION + 1) / (each[word] + SATURATION * long)
            for word in wanted
        )
