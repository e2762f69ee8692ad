"""Which turns match a query: BM25 over the index entries of pages and the words of the tail.

An index entry holds 32-bit hashes of words and their counts, no text. Knows nothing of pages,
models or what a turn says, and not where the index is stored.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.recall.indexed_turns import IndexedTurns
from optimem.memory.records.page_index import PageIndex, joined_index
from optimem.memory.records.records import Chunk, Span
from optimem.text.terms import name_terms, role_term, terms

K1, B = 1.5, 0.75
"""BM25's saturation and length normalisation, as in Lucene and Robertson & Zaragoza (2009)."""
PRIOR_TURNS = 10
"""Turns without any of a query's terms that are added when terms are weighed: whether one of a
memory's two turns holds a term does not mean much."""
MAX_TIME = 2.0**62
MAX_COUNT = np.iinfo(np.uint16).max


class IndexRow(NamedTuple):
    """What is indexed of a turn, or of the part on one page. `number`: the turn's. `time`: seconds
    since the epoch, 0 for unknown. `name`, `role`: of who speaks."""

    number: int
    text: str
    time: float = 0.0
    name: str = ""
    role: str = ""

    @classmethod
    def of(cls, part: Span | Chunk, text: str) -> "IndexRow":
        """The row of a part with the text that can be read of it."""
        return cls(part.position.sequence, text, part.time, part.name, part.role)


def index_page(rows: Sequence[IndexRow | tuple[int, str]]) -> PageIndex:
    """The index entry of a page from its spans. A speaker's name and role count as words apart,
    which do not make a text longer."""
    spans = [IndexRow(*row) for row in rows]
    counted = [Counter(terms(span.text)) for span in spans]
    named = [dict.fromkeys(_speaker_terms(span), 1) for span in spans]
    postings = sorted(
        (t, at, n) for at in range(len(spans)) for t, n in (counted[at] | named[at]).items()
    )
    columns = np.array(postings, np.int64).reshape(-1, 3).T
    return PageIndex(
        sequence=np.array([span.number for span in spans], np.int64),
        length=np.array([counts.total() for counts in counted], np.uint32),
        term=columns[0].astype(np.uint32),
        row=columns[1].astype(np.uint32),
        count=np.minimum(columns[2], MAX_COUNT).astype(np.uint16),
        time=microseconds([span.time for span in spans]),
    )


def _speaker_terms(row: IndexRow) -> list[int]:
    return name_terms(row.name) + ([role_term(row.role)] if row.role else [])


def microseconds(times: Sequence[float]) -> NDArray[np.int64]:
    """Seconds as whole microseconds, as far as these go: some 290,000 years to each side."""
    seconds = np.nan_to_num(np.array(times, np.float64)).clip(-MAX_TIME / 1e6, MAX_TIME / 1e6)
    return (seconds * 1e6).round().astype(np.int64)


class Windows(NamedTuple):
    """The windows of N turns. `around` (A,): places of all turns in them, ascending. `first`,
    `own`, `last` (N,): where in `around` each window starts, its turn stands, and it ends.
    `before`, `after` (N,): whether the turn has a neighbour in it."""

    around: NDArray[np.int32]
    first: NDArray[np.int64]
    own: NDArray[np.int64]
    last: NDArray[np.int64]
    before: NDArray[np.bool_]
    after: NDArray[np.bool_]


class TurnRanker:
    """How well the words of turns match. `indexed`: the turns of a scope. `places` (N,): those of
    them that are ranked, ascending; all by default. How rare a term is and how long a turn is on
    average is told from all.

    `turns` (N,): the numbers of the ranked turns, ascending. `time` (N,) int64: of each, in
    microseconds, 0 if unknown.
    """

    def __init__(self, indexed: IndexedTurns, places: NDArray[np.int64] | None = None) -> None:
        self.indexed, self._places = indexed, places
        self.turns = indexed.turns if places is None else indexed.turns[places]
        self.time = indexed.time if places is None else indexed.time[places]

    @classmethod
    def of(cls, indexes: Sequence[PageIndex]) -> "TurnRanker":
        """A ranker of all turns of some indexes; spans of one turn on several pages are one."""
        return cls(IndexedTurns.of([joined_index(indexes)] if indexes else []))

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """(N,): of the ranked turns among all."""
        return np.arange(len(self.turns)) if self._places is None else self._places

    @cached_property
    def _windows(self) -> "Windows":
        """The windows of the ranked turns."""
        ends = np.concatenate([[False], self.indexed.together, [False]])
        before, after = ends[self.places], ends[self.places + 1]
        places = self.places.astype(np.int32)  # as those that hold a term, or these are copied
        beside = (places - before, places, places + after)
        around = np.sort(np.concatenate(beside), kind="stable")
        around = around[np.concatenate([[True], around[1:] > around[:-1]])[: len(around)]]
        first, own, last = (np.searchsorted(around, each) for each in beside)
        return Windows(around, first, own, last, before, after)

    def best(self, query: str, k: int) -> list[tuple[int, float]]:
        """Up to `k` turns that match by their own words, as (number, score), best first; of equal
        scores the newest first."""
        return self.order(self.scores(dict.fromkeys(terms(query), 1.0)))[:k]

    def order(self, scores: NDArray[np.float64]) -> list[tuple[int, float]]:
        """The turns with a score (N,) above 0, best first; of equal scores the newest first."""
        order = np.lexsort((-self.turns, -scores))
        return [(int(self.turns[at]), float(scores[at])) for at in order if scores[at] > 0]

    def scores(self, wanted: Mapping[int, float], *, windows: bool = False) -> NDArray[np.float64]:
        """The BM25 of each turn, or of its window, for terms with how much each counts, (N,)."""
        mean = self.indexed.mean_window if windows else self.indexed.mean_length
        length = self._spread(self.indexed.length[self._windows.around], windows)
        damping = K1 * (1 - B + B * length / max(mean, 1.0))
        scores = np.zeros(len(self.turns))
        for term, counts in wanted.items():
            count = self.counts(term, windows=windows)
            held, total = self.indexed.held(term), len(self.indexed.turns)
            frequency = held.windows if windows else len(held.at)
            rarity = np.log1p((total - frequency + 0.5) / (frequency + 0.5))
            scores += counts * rarity * count / (count + damping)
        return scores

    def rarity(self, terms: Iterable[int]) -> dict[int, float]:
        """The most that each term can add to a score."""
        total = len(self.indexed.turns)
        found = {term: self.frequency(term) for term in terms}
        return {t: float(np.log1p((total - n + 0.5) / (n + 0.5))) for t, n in found.items()}

    def counts(self, term: int, *, windows: bool = False) -> NDArray[np.float64]:
        """How often each turn, or its window, holds a term, (N,)."""
        held, around = self.indexed.held(term), self._windows.around
        count = np.zeros(len(around))
        if len(held.at) < len(around):
            places, found = _found(around, held.at)
            count[places] = held.counts[found]
        else:
            places, found = _found(held.at, around)
            count[found] = held.counts[places]
        return self._spread(count, windows)

    def weights(self, query: str) -> dict[int, float]:
        """The weight of each term of a query: the fewer turns hold a term, the more it weighs,
        and most if none does."""
        total = len(self.indexed.turns) + PRIOR_TURNS
        return {t: float(np.log1p(total / (self.frequency(t) + 1))) for t in terms(query)}

    def frequency(self, term: int) -> int:
        """How many turns of the scope hold a term."""
        return len(self.indexed.held(term).at)

    def within(self, since: float, until: float) -> NDArray[np.bool_]:
        """(N,): the turns of a time, in seconds, both ends included."""
        first, last = microseconds([since, until])
        inside: NDArray[np.bool_] = (self.time >= first) & (self.time <= last)
        return inside

    def neighbours(self, number: int, preceding: int, following: int) -> list[int]:
        """The numbers of the turns of the scope right before and after a turn, as far as they were
        said together."""
        turns, together = self.indexed.turns, self.indexed.together
        at = int(np.searchsorted(turns, number))
        first, last = at, at
        while first > max(at - preceding, 0) and together[first - 1]:
            first -= 1
        while last < min(at + following, len(turns) - 1) and together[last]:
            last += 1
        return [int(n) for n in turns[first : last + 1] if n != number]

    def _spread(self, around: NDArray[np.float64], windows: bool) -> NDArray[np.float64]:
        """A value of each turn, or its sum over the turn's window, (N,)."""
        beside = self._windows
        total: NDArray[np.float64] = around[beside.own]
        if windows:
            total = (
                total + around[beside.first] * beside.before + around[beside.last] * beside.after
            )
        return total


def _found(
    wanted: NDArray[np.integer[Any]], few: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each of a `few` places is among those `wanted`, and which of the few are there."""
    at = np.searchsorted(wanted, few)
    inside = at < len(wanted)
    inside[inside] = wanted[at[inside]] == few[inside]
    return at[inside], np.flatnonzero(inside)
