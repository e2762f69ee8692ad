"""Which turns match a query: BM25 over the index entries of pages and the words of the tail.

An index entry holds 32-bit hashes of words and their counts, no text. Rankers are cached from one
recall to the next, so that only new or changed entries are read from the store. Knows nothing of
pages, models or what a turn says.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.caching import LRU
from optimem.memory.records.records import Chunk, PageIndex, PageKey, Span
from optimem.memory.records.scope_records import ScopeRecords, Stored
from optimem.text.terms import name_terms, role_term, terms
from optimem.turns import Scope

K1, B = 1.5, 0.75
"""BM25's saturation and length normalisation, as in Lucene and Robertson & Zaragoza (2009)."""
PRIOR_TURNS = 10
"""Turns without any of a query's terms that are added when terms are weighed: whether one of a
memory's two turns holds a term does not mean much."""
PAUSE = 6 * 3600.0
"""Seconds after which what is said next belongs to another occasion."""
SCOPES = 64
"""Scopes whose rankers are cached."""
MAX_TIME = 2.0**62
MAX_COUNT = np.iinfo(np.uint16).max

State = tuple[object, ...]


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


def rows_of(index: PageIndex, numbers: Collection[int]) -> PageIndex:
    """The rows of some turns, with their postings."""
    kept = np.isin(index.sequence, list(numbers))
    postings, rows = kept[index.row], np.cumsum(kept) - 1
    return PageIndex(
        sequence=index.sequence[kept],
        length=index.length[kept],
        term=index.term[postings],
        row=rows[index.row[postings]].astype(np.uint32),
        count=index.count[postings],
        time=index.time[kept],
    )


class TurnRanker:
    """The turns of a scope as they are indexed, and how well their words match. `indexes`: of all
    pages and of the tail; spans of one turn on several pages count as one.

    `turns` (T,): the numbers of all turns, ascending. `time` (T,) int64: of each, in microseconds,
    0 if unknown. A turn's *window* is the turn with the one before and the one after it, as far
    as they were said within `PAUSE`.
    """

    def __init__(self, indexes: Sequence[PageIndex]) -> None:
        first_rows = np.cumsum([0, *(len(index.sequence) for index in indexes)])
        rows = [
            index.row.astype(np.int64) + first
            for index, first in zip(indexes, first_rows[:-1], strict=True)
        ]
        sequence = _joined([index.sequence for index in indexes])
        self.turns, turn = np.unique(sequence, return_inverse=True)
        self.time = np.zeros(len(self.turns), np.int64)
        self.time[turn] = _joined([index.time for index in indexes])
        lengths = _joined([index.length for index in indexes]).astype(np.float64)
        self._length = _sums(turn, lengths, len(self.turns))
        self._term = _joined([index.term for index in indexes])  # (P,) postings
        self._turn = turn[_joined(rows)]  # (P,)
        self._count = _joined([index.count for index in indexes]).astype(np.float64)  # (P,)
        self._together = np.diff(self.time) <= PAUSE * 1e6  # (T - 1,)

    def best(self, query: str, k: int) -> list[tuple[int, float]]:
        """Up to `k` turns that match by their own words, as (number, score), best first; of equal
        scores the newest first."""
        return self.order(self.scores(dict.fromkeys(terms(query), 1.0)))[:k]

    def order(self, scores: NDArray[np.float64]) -> list[tuple[int, float]]:
        """The turns with a score (T,) above 0, best first; of equal scores the newest first."""
        order = np.lexsort((-self.turns, -scores))
        return [(int(self.turns[at]), float(scores[at])) for at in order if scores[at] > 0]

    def scores(self, wanted: Mapping[int, float], *, windows: bool = False) -> NDArray[np.float64]:
        """The BM25 of each turn, or of its window, for terms with how much each counts, (T,)."""
        length = self._spread(self._length) if windows else self._length
        damping = K1 * (1 - B + B * length / max(length.mean() if len(length) else 1.0, 1.0))
        scores = np.zeros(len(self.turns))
        for term, counts in wanted.items():
            count = self.counts(term, windows=windows)
            frequency, total = np.count_nonzero(count), len(count)
            rarity = np.log1p((total - frequency + 0.5) / (frequency + 0.5))
            scores += counts * rarity * count / (count + damping)
        return scores

    def rarity(self, terms: Iterable[int]) -> dict[int, float]:
        """The most that each term can add to a score."""
        total = len(self.turns)
        found = {term: self._frequency(term) for term in terms}
        return {t: float(np.log1p((total - n + 0.5) / (n + 0.5))) for t, n in found.items()}

    def counts(self, term: int, *, windows: bool = False) -> NDArray[np.float64]:
        """How often each turn, or its window, holds a term, (T,)."""
        at = np.flatnonzero(self._term == term)
        count = _sums(self._turn[at], self._count[at], len(self.turns))
        return self._spread(count) if windows else count

    def weights(self, query: str) -> dict[int, float]:
        """The weight of each term of a query: the fewer turns hold a term, the more it weighs,
        and most if none does."""
        total = len(self.turns) + PRIOR_TURNS
        return {t: float(np.log1p(total / (self._frequency(t) + 1))) for t in terms(query)}

    def within(self, since: float, until: float) -> NDArray[np.bool_]:
        """(T,): the turns of a time, in seconds, both ends included."""
        first, last = microseconds([since, until])
        inside: NDArray[np.bool_] = (self.time >= first) & (self.time <= last)
        return inside

    def neighbours(self, number: int, preceding: int, following: int) -> list[int]:
        """The numbers of the turns right before and after a turn, as far as they were said
        together."""
        at = int(np.searchsorted(self.turns, number))
        first, last = at, at
        while first > max(at - preceding, 0) and self._together[first - 1]:
            first -= 1
        while last < min(at + following, len(self.turns) - 1) and self._together[last]:
            last += 1
        return [int(n) for n in self.turns[first : last + 1] if n != number]

    def _spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of a value over each turn's window, (T,)."""
        total = values.astype(np.float64)
        total[1:] += values[:-1] * self._together
        total[:-1] += values[1:] * self._together
        return total

    def _frequency(self, term: int) -> int:
        """How many turns hold a term."""
        return len(np.unique(self._turn[self._term == term]))


def _sums(turn: NDArray[np.int64], values: NDArray[np.float64], turns: int) -> NDArray[np.float64]:
    """The sum of values by turn, (T,)."""
    return np.bincount(turn, values, minlength=turns).astype(np.float64)


def _joined(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(columns) if columns else np.zeros(0, np.int64)


class CachedRanker(NamedTuple):
    """The ranker of a scope, the index entries it was made from, and the state of the scope."""

    entries: Mapping[PageKey, Stored[PageIndex]]
    state: State
    ranker: TurnRanker


class RankerCache:
    """The rankers of the scopes that were recalled from last. Safe for threads."""

    def __init__(self) -> None:
        self._cache: LRU[Scope, CachedRanker] = LRU(SCOPES)

    def ranker(
        self, records: ScopeRecords, page_keys: Sequence[PageKey], tail: Sequence[Chunk]
    ) -> TurnRanker:
        """The ranker over a scope's pages and tail, as a snapshot found them."""
        cached = self._cache.get(records.scope)
        entries = records.index_entries(page_keys, cached.entries if cached else {})
        state = _state(entries, tail)
        if cached is None or cached.state != state:
            cached = CachedRanker(entries, state, _ranker(entries, tail))
            self._cache.put(records.scope, cached)
        return cached.ranker


def _state(entries: Mapping[PageKey, Stored[PageIndex]], tail: Sequence[Chunk]) -> State:
    pages = tuple(sorted((key, found.version) for key, found in entries.items()))
    return pages, tuple((chunk.position, len(chunk.text), chunk.turn) for chunk in tail)


def _ranker(entries: Mapping[PageKey, Stored[PageIndex]], tail: Sequence[Chunk]) -> TurnRanker:
    rows = [IndexRow.of(chunk, chunk.text) for chunk in tail]
    return TurnRanker([*(found.record for found in entries.values()), index_page(rows)])
