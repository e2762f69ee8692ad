"""Which turns match a query: BM25 over the index entries of pages and the words of the tail.

An index entry holds 32-bit hashes of words and their counts, no text. Rankers are cached from one
recall to the next, so that only new or changed entries are read from the store, and an append costs
the tail alone. Knows nothing of pages, models or what a turn says.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.caching import LRU
from optimem.memory.recall.indexed_turns import IndexedTurns
from optimem.memory.records.page_index import PageIndex, joined_index
from optimem.memory.records.records import Chunk, PageKey, Span
from optimem.memory.records.scope_records import PageList, ScopeRecords, Stored
from optimem.text.terms import name_terms, role_term, terms
from optimem.turns import Scope

K1, B = 1.5, 0.75
"""BM25's saturation and length normalisation, as in Lucene and Robertson & Zaragoza (2009)."""
PRIOR_TURNS = 10
"""Turns without any of a query's terms that are added when terms are weighed: whether one of a
memory's two turns holds a term does not mean much."""
TURNS, SCOPES = 4_000_000, 64
"""Turns, of some 50 bytes each, and scopes whose rankers are cached."""
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


class TurnRanker:
    """How well the words of turns match. `indexed`: the turns of a scope. `places` (N,): those of
    them that are ranked, ascending; all by default. How rare a term is and how long a turn is on
    average is told from all.

    `turns` (N,): the numbers of the ranked turns, ascending. `time` (N,) int64: of each, in
    microseconds, 0 if unknown.
    """

    def __init__(self, indexed: IndexedTurns, places: NDArray[np.int64] | None = None) -> None:
        total = len(indexed.turns)
        self.indexed = indexed
        self.places = np.arange(total) if places is None else places
        self.turns, self.time = indexed.turns[self.places], indexed.time[self.places]
        ends = np.concatenate([[False], indexed.together, [False]])
        self._before, self._after = ends[self.places], ends[self.places + 1]
        beside = [self.places - self._before, self.places, self.places + self._after]
        self._around = np.unique(np.concatenate(beside))  # places of all that is in windows
        self._beside = [np.searchsorted(self._around, each) for each in beside]

    @classmethod
    def of(cls, indexes: Sequence[PageIndex]) -> "TurnRanker":
        """A ranker of all turns of some indexes; spans of one turn on several pages are one."""
        return cls(IndexedTurns.of([joined_index(indexes)] if indexes else []))

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
        length = self._spread(self.indexed.length[self._around], windows)
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
        held, count = self.indexed.held(term), np.zeros(len(self._around))
        if len(held.at) < len(self._around):
            places, found = _found(self._around, held.at)
            count[places] = held.counts[found]
        else:
            places, found = _found(held.at, self._around)
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
        before, own, after = self._beside
        total: NDArray[np.float64] = around[own]
        if windows:
            total = total + around[before] * self._before + around[after] * self._after
        return total


def _found(
    wanted: NDArray[np.integer[Any]], few: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each of a `few` places is among those `wanted`, and which of the few are there."""
    at = np.searchsorted(wanted, few)
    inside = at < len(wanted)
    inside[inside] = wanted[at[inside]] == few[inside]
    return at[inside], np.flatnonzero(inside)


class CachedRanker(NamedTuple):
    """The ranker of a scope, and what it was made from: `pages` with their index `entries`, the
    turns on them, and a `tail`."""

    pages: PageList
    entries: Mapping[PageKey, Stored[PageIndex]]
    paged: IndexedTurns
    tail: State
    ranker: TurnRanker


class RankerCache:
    """The rankers of the scopes that were recalled from last. Safe for threads."""

    def __init__(self) -> None:
        self._cache: LRU[Scope, CachedRanker] = LRU(
            TURNS, lambda cached: len(cached.ranker.turns) + TURNS // SCOPES
        )

    def pages(self, records: ScopeRecords) -> PageList | None:
        """The pages of a scope, as they are known here."""
        cached = self._cache.get(records.scope)
        return cached and cached.pages

    def ranker(self, records: ScopeRecords, pages: PageList, tail: Sequence[Chunk]) -> TurnRanker:
        """The ranker over a scope's pages and tail, as a snapshot found them."""
        cached, state = self._cache.get(records.scope), _state(tail)
        if cached and pages.is_of(cached.pages):
            if cached.tail == state:
                return cached.ranker
            entries, paged = cached.entries, cached.paged
        else:
            damage = len(records.damage or ())
            entries = records.index_entries(pages.keys, cached.entries if cached else {})
            paged = _paged(entries)
            if len(records.damage or ()) > damage:
                pages = pages.unsure()
        rows = [IndexRow.of(chunk, chunk.text) for chunk in tail]
        ranker = TurnRanker(paged.with_tail(index_page(rows)))
        self._cache.put(records.scope, CachedRanker(pages, entries, paged, state, ranker))
        return ranker


def _state(tail: Sequence[Chunk]) -> State:
    return tuple((chunk.position, len(chunk.text), chunk.turn) for chunk in tail)


def _paged(entries: Mapping[PageKey, Stored[PageIndex]]) -> IndexedTurns:
    return IndexedTurns.of([joined_index([entries[key].record for key in sorted(entries)])])
