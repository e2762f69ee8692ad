"""Which turns bear on a query: BM25 over hashed words, from the entries that pages keep.

An entry holds 32-bit hashes and counts, no text. Knows nothing of stores or pages.

Rankers kept between recalls: what is asked often is not read from the store each time.

Only index entries that are new or changed are fetched; entries are named by their version.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from optimem.memory.caching import LRU
from optimem.memory.records import Chunk, PageIndex, PageKey
from optimem.memory.scope_records import ScopeRecords, Stored
from optimem.text.terms import terms
from optimem.turns import Scope

K1, B = 1.5, 0.75
"""BM25's saturation and length normalisation, as in Lucene and Robertson & Zaragoza (2009)."""
FEW = 10
"""Turns added to a memory's own when its terms are weighed, so that one of two says little."""


def index_page(rows: Sequence[tuple[int, str]]) -> PageIndex:
    """The index entry of a page: (turn number, text) of each of its spans."""
    counted = [Counter(terms(text)) for _, text in rows]
    postings = sorted((t, row, n) for row, c in enumerate(counted) for t, n in c.items())
    columns = np.array(postings, np.int64).reshape(-1, 3).T
    return PageIndex(
        sequence=np.array([sequence for sequence, _ in rows], np.int64),
        length=np.array([counts.total() for counts in counted], np.uint32),
        term=columns[0].astype(np.uint32),
        row=columns[1].astype(np.uint16),
        count=np.minimum(columns[2], 65535).astype(np.uint16),
    )


class TurnRanker:
    """Ranks the turns of a scope by BM25. `indexes`: of all pages and of the open tail; the
    parts of a turn that lies on several pages count as one."""

    def __init__(self, indexes: Sequence[PageIndex]) -> None:
        indexes = [index_page([]), *indexes]
        starts = np.cumsum([0, *(len(index.sequence) for index in indexes)])
        rows = [i.row + start for i, start in zip(indexes, starts[:-1].tolist(), strict=True)]
        sequence = np.concatenate([index.sequence for index in indexes])
        self.turns, turn = np.unique(sequence, return_inverse=True)
        lengths = np.concatenate([index.length for index in indexes])
        length = np.bincount(turn, lengths, minlength=len(self.turns))
        self._damping = K1 * (1 - B + B * length / max(length.mean(), 1)) if len(length) else length
        self._term = np.concatenate([index.term for index in indexes])
        self._turn = turn[np.concatenate(rows).astype(np.int64)]
        self._count = np.concatenate([index.count for index in indexes])

    def best(self, query: str, k: int) -> list[tuple[int, float]]:
        """Up to `k` (turn number, score) with a score above zero, best first; of equal
        scores the newest."""
        scores = np.zeros(len(self.turns))
        for term in set(terms(query)):
            scores += self._scores(term)
        order = np.lexsort((-self.turns, -scores))[:k]
        return [(int(self.turns[at]), float(scores[at])) for at in order if scores[at] > 0]

    def weights(self, query: str) -> dict[int, float]:
        """How much each term of a query tells, by how few of the turns hold it. A term that
        none holds tells most; in a small memory the terms differ little."""
        total = len(self.turns) + FEW
        return {t: float(np.log1p(total / (self._having(t) + 1))) for t in terms(query)}

    def _having(self, term: int) -> int:
        """How many turns hold a term."""
        return len(np.unique(self._turn[self._term == term]))

    def _scores(self, term: int) -> NDArray[np.float64]:
        """What one word adds to the score of each turn."""
        at = np.flatnonzero(self._term == term)
        count = np.bincount(self._turn[at], self._count[at], minlength=len(self.turns))
        having, total = np.count_nonzero(count), len(count)
        rarity = np.log1p((total - having + 0.5) / (having + 0.5))
        scores: NDArray[np.float64] = rarity * count / (count + self._damping)
        return scores


def followed(
    best: Sequence[tuple[int, float]], known: Sequence[int], count: int
) -> list[tuple[int, float]]:
    """Each turn of `best`, then the `count` turns that were said next, of those that are `known`,
    with score 0 where they are not among the best themselves; each turn once."""
    scores, there = dict(best), set(known)
    order: dict[int, float] = {}
    for number, _ in best:
        for each in range(number, number + count + 1):
            if each in there:
                order.setdefault(each, scores.get(each, 0.0))
    return list(order.items())


SCOPES = 64
"""Scopes whose index is kept in memory between recalls."""

State = tuple[object, ...]


@dataclass
class Known:
    """What is known of a scope: index entries by page with their versions, and the ranker
    made of them."""

    entries: dict[PageKey, Stored[PageIndex]] = field(default_factory=dict)
    state: State = ()
    ranker: TurnRanker = field(default_factory=lambda: TurnRanker([]))


class Rankers:
    """The rankers of the scopes that were asked last. Safe for threads."""

    def __init__(self) -> None:
        self._known: LRU[Scope, Known] = LRU(SCOPES)

    def ranker(
        self, records: ScopeRecords, page_keys: Sequence[PageKey], tail: Sequence[Chunk]
    ) -> TurnRanker:
        """A ranker over a scope's pages and open tail as they were seen."""
        known = self._known.get(records.scope) or Known()
        entries = records.index_entries(page_keys, known.entries)
        state = _state(entries, tail)
        if state != known.state:
            known = Known(entries, state, _built(entries, tail))
            self._known.put(records.scope, known)
        return known.ranker


def _state(entries: dict[PageKey, Stored[PageIndex]], tail: Sequence[Chunk]) -> State:
    pages = tuple(sorted((key, found.version) for key, found in entries.items()))
    return pages, tuple((chunk.position, len(chunk.text), chunk.turn) for chunk in tail)


def _built(entries: dict[PageKey, Stored[PageIndex]], tail: Sequence[Chunk]) -> TurnRanker:
    rows = [(chunk.position.sequence, chunk.text) for chunk in tail]
    return TurnRanker([*(found.record for found in entries.values()), index_page(rows)])
