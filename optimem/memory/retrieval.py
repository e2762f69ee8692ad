"""Which turns match a query: BM25 over the index entries of pages and the words of the tail.

An index entry holds 32-bit hashes of words and their counts, no text. Rankers are cached from one
recall to the next, so that only new or changed entries are read from the store. Knows nothing of
pages, models or what a turn says.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.caching import LRU
from optimem.memory.records import Chunk, PageIndex, PageKey
from optimem.memory.scope_records import ScopeRecords, Stored
from optimem.text.terms import terms
from optimem.turns import Scope

K1, B = 1.5, 0.75
"""BM25's saturation and length normalisation, as in Lucene and Robertson & Zaragoza (2009)."""
PRIOR_TURNS = 10
"""Turns without any of a query's terms that are added when terms are weighed: whether one of a
memory's two turns holds a term does not mean much."""
SCOPES = 64
"""Scopes whose rankers are cached."""
MAX_COUNT = np.iinfo(np.uint16).max

State = tuple[object, ...]


def index_page(rows: Sequence[tuple[int, str]]) -> PageIndex:
    """The index entry of a page from the turn number and text of each of its spans."""
    counted = [Counter(terms(text)) for _, text in rows]
    postings = sorted((t, row, n) for row, c in enumerate(counted) for t, n in c.items())
    columns = np.array(postings, np.int64).reshape(-1, 3).T
    return PageIndex(
        sequence=np.array([number for number, _ in rows], np.int64),
        length=np.array([counts.total() for counts in counted], np.uint32),
        term=columns[0].astype(np.uint32),
        row=columns[1].astype(np.uint32),
        count=np.minimum(columns[2], MAX_COUNT).astype(np.uint16),
    )


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
    )


class TurnRanker:
    """Ranks turns by BM25. `indexes`: of all pages and of the tail; spans of one turn on several
    pages count as one. `turns` (T,): the numbers of all turns, ascending."""

    def __init__(self, indexes: Sequence[PageIndex]) -> None:
        first_rows = np.cumsum([0, *(len(index.sequence) for index in indexes)])
        rows = [
            index.row.astype(np.int64) + first
            for index, first in zip(indexes, first_rows[:-1], strict=True)
        ]
        sequence = _joined([index.sequence for index in indexes])
        self.turns, turn = np.unique(sequence, return_inverse=True)
        lengths = _joined([index.length for index in indexes])
        length = np.bincount(turn, lengths, minlength=len(self.turns))
        mean = max(length.mean(), 1) if len(length) else 1
        self._damping = K1 * (1 - B + B * length / mean)  # (T,)
        self._term = _joined([index.term for index in indexes])  # (P,) postings
        self._turn = turn[_joined(rows)]  # (P,)
        self._count = _joined([index.count for index in indexes])  # (P,)

    def best(self, query: str, k: int) -> list[tuple[int, float]]:
        """Up to `k` turns that match, as (number, score), best first; of equal scores the newest
        first."""
        scores = np.zeros(len(self.turns))
        for term in set(terms(query)):
            scores += self._scores(term)
        order = np.lexsort((-self.turns, -scores))[:k]
        return [(int(self.turns[at]), float(scores[at])) for at in order if scores[at] > 0]

    def weights(self, query: str) -> dict[int, float]:
        """The weight of each term of a query: the fewer turns hold a term, the more it weighs,
        and most if none does."""
        total = len(self.turns) + PRIOR_TURNS
        return {t: float(np.log1p(total / (self._frequency(t) + 1))) for t in terms(query)}

    def _frequency(self, term: int) -> int:
        """How many turns hold a term."""
        return len(np.unique(self._turn[self._term == term]))

    def _scores(self, term: int) -> NDArray[np.float64]:
        """What one term adds to the score of each turn, (T,)."""
        at = np.flatnonzero(self._term == term)
        count = np.bincount(self._turn[at], self._count[at], minlength=len(self.turns))
        frequency, total = np.count_nonzero(count), len(count)
        rarity = np.log1p((total - frequency + 0.5) / (frequency + 0.5))
        scores: NDArray[np.float64] = rarity * count / (count + self._damping)
        return scores


def _joined(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(columns) if columns else np.zeros(0, np.int64)


def with_following(
    hits: Sequence[tuple[int, float]], turns: Sequence[int], count: int
) -> list[tuple[int, float]]:
    """Each hit, and after it the `count` turns that follow it, as far as they are among `turns`.
    A turn that is not a hit itself has a score of 0; none comes twice."""
    scores, known = dict(hits), set(turns)
    order: dict[int, float] = {}
    for hit, _ in hits:
        for number in range(hit, hit + count + 1):
            if number in known:
                order.setdefault(number, scores.get(number, 0.0))
    return list(order.items())


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
    rows = [(chunk.position.sequence, chunk.text) for chunk in tail]
    return TurnRanker([*(found.record for found in entries.values()), index_page(rows)])
