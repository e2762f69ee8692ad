"""Which of a long scope's turns the stages score: those that anything speaks for, or, if these are
too many, the `MOST` for which most does (see `support`).

A turn for which nothing speaks has no score, so up to `MOST` of them narrowing changes nothing.
"""

from dataclasses import replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from optimem.memory.recall.indexed_turns import STRIP
from optimem.memory.recall.retrieval import TurnRanker, microseconds
from optimem.memory.recall.stages import Query
from optimem.memory.recall.support import Claim, Support

MOST = 4096
"""Turns that the stages score."""


def is_long(ranker: TurnRanker) -> bool:
    """Whether a scope has more turns than the stages score."""
    return len(ranker.indexed.turns) > MOST


def narrowed(query: Query, since: float, until: float, meant: Claim | None = None) -> Query:
    """A query of the turns of a time, in seconds, that it may find. The same for a short scope.
    `meant`: the turns that are nearest in meaning, if that is known."""
    if not is_long(query.ranker):
        return query
    places = _best(query, Support(query, meant), since, until)
    ranker = TurnRanker(query.ranker.indexed, places)
    return replace(query, ranker=ranker, _counts={})


def _best(query: Query, support: Support, since: float, until: float) -> NDArray[np.int64]:
    """The places with the most support, ascending; of equal ones the last."""
    best, indexed = _Best(MOST), query.ranker.indexed
    if since == -inf and until == inf:
        for strip in range(len(indexed.earliest))[::-1]:
            best.add(support.of_strip(strip), strip * STRIP)
        return best.places()
    first, last = microseconds([since, until])
    for strip in indexed.strips(first, last)[::-1].tolist():
        time = indexed.time[strip * STRIP : (strip + 1) * STRIP]
        best.add(support.of_strip(strip) * ((time >= first) & (time <= last)), strip * STRIP)
    return best.places()


class _Best:
    """The `most` places with the most support, of strips that come the last one first."""

    def __init__(self, most: int) -> None:
        self._most, self._least = most, np.float32(0)
        self._places, self._support = np.zeros(0, np.int64), np.zeros(0, np.float32)

    def add(self, support: NDArray[np.float32], start: int) -> None:
        """Add the turns from a place on."""
        more = support > self._least
        if not more.any():
            return
        places = np.flatnonzero(more)
        self._places = np.concatenate([places + start, self._places])
        self._support = np.concatenate([support[places], self._support])
        if len(self._places) > 2 * self._most:
            self._cut()

    def places(self) -> NDArray[np.int64]:
        """The places, ascending."""
        self._cut()
        return self._places

    def _cut(self) -> None:
        spare = len(self._places) - self._most
        if spare < 0:
            return
        least = np.partition(self._support, spare)[spare]
        kept = self._support > least
        equal = np.flatnonzero(self._support == least)
        kept[equal[len(equal) - (self._most - np.count_nonzero(kept)) :]] = True
        self._places, self._support, self._least = self._places[kept], self._support[kept], least
