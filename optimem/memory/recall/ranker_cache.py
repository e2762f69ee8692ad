"""The rankers of the scopes that were recalled from last, and how they are made of what is stored:
segments, of whose postings only a query's are read, the index entries of pages that are in none,
and the tail.

An append costs the tail alone; a new page, its own entry. Knows nothing of scores.
"""

from bisect import bisect
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.caching import LRU
from optimem.memory.recall.indexed_turns import IndexedTurns
from optimem.memory.recall.retrieval import IndexRow, TurnRanker, index_page
from optimem.memory.records.page_index import PageIndex, Postings, joined_index
from optimem.memory.records.records import Chunk, PageKey
from optimem.memory.records.scope_records import PageList, ScopeRecords, Stored
from optimem.memory.records.segment_records import fetch_blocks, segment_heads
from optimem.memory.records.segments import LOST, Block, SegmentHead, SegmentKey
from optimem.memory.records.term_filter import may_hold
from optimem.turns import Scope

TURNS, SCOPES = 4_000_000, 64
"""Turns, of some 50 bytes each, and scopes whose rankers are cached."""
POSTINGS = 8_000_000
"""Postings of blocks that are kept in memory, of ten bytes each."""

Blocks = LRU[str, Block]
NOWHERE = Postings(np.zeros(0, np.uint32), np.zeros(0, np.uint16))


class SegmentPart:
    """A segment as a part of a scope's index. `alive` (P,): its pages that count. Blocks are read
    when they are needed."""

    def __init__(
        self,
        records: ScopeRecords,
        key: SegmentKey,
        head: SegmentHead,
        alive: NDArray[np.bool_],
        blocks: Blocks,
    ) -> None:
        self._records, self._blocks, self._filter = records, blocks, head.filter
        self._starts = head.starts.tolist()
        self._keys = [key.block(number) for number in range(len(self._starts))]
        self.sequence, self.length, self.time = head.sequence, head.length, head.time
        self._row: NDArray[np.int64] | None = None
        if not alive.all():
            kept = alive[head.page]
            self.sequence, self.length = head.sequence[kept], head.length[kept]
            self.time = head.time[kept]
            self._row = np.where(kept, np.cumsum(kept) - 1, -1)

    def postings(self, term: int) -> Postings:
        """Where a term stands."""
        if not may_hold(self._filter, term):
            return NOWHERE
        number = bisect(self._starts, term) - 1
        found = (LOST if number < 0 else self._block(self._keys[number])).postings(term)
        if self._row is None:
            return found
        row = self._row[found.rows]
        return Postings(row[row >= 0], found.counts[row >= 0])

    def unread(self, terms: Collection[int]) -> list[str]:
        """Keys of the blocks that may hold some terms and are not in memory."""
        held = [term for term in terms if may_hold(self._filter, term)]
        numbers = {bisect(self._starts, term) - 1 for term in held} - {-1}
        keys = [self._keys[number] for number in sorted(numbers)]
        return [key for key in keys if (self._blocks.get(key) or LOST).lost]

    def _block(self, key: str) -> Block:
        block = self._blocks.get(key)
        if block is None:
            block = fetch_blocks(self._records, [key])[key]
            self._blocks.put(key, block)
        return block


class Paged(NamedTuple):
    """What the index says of a scope's pages: `heads` of segments, `entries` of pages that are in
    none, and the turns on all of them."""

    heads: Mapping[SegmentKey, SegmentHead]
    entries: Mapping[PageKey, Stored[PageIndex]]
    segments: Sequence[SegmentPart]
    turns: IndexedTurns


class CachedRanker(NamedTuple):
    """The ranker of a scope, and what it was made from: `pages`, what is known of them, and the
    `tail`."""

    pages: PageList
    paged: Paged
    tail: tuple[object, ...]
    ranker: TurnRanker


class RankerCache:
    """The rankers of the scopes that were recalled from last. Safe for threads."""

    def __init__(self) -> None:
        self._cache: LRU[Scope, CachedRanker] = LRU(
            TURNS, lambda cached: len(cached.ranker.turns) + TURNS // SCOPES
        )
        self._blocks: Blocks = LRU(POSTINGS, lambda block: len(block.term) + 1)

    def pages(self, records: ScopeRecords) -> PageList | None:
        """The pages of a scope, as they are known here."""
        cached = self._cache.get(records.scope)
        return cached and cached.pages

    def ranker(
        self,
        records: ScopeRecords,
        pages: PageList,
        tail: Sequence[Chunk],
        terms: Collection[int] = (),
    ) -> TurnRanker:
        """The ranker over a scope's pages and tail, as a snapshot found them. `terms`: that will be
        asked for, whose postings are read at once. Raises ConflictError if the index changes
        meanwhile."""
        cached, state = self._cache.get(records.scope), _state(tail)
        damage = len(records.damage or ())
        if cached is None or not pages.is_of(cached.pages):
            paged = self._paged(records, pages.keys, cached.paged if cached else None)
        else:
            pages, paged = cached.pages, cached.paged
        self._load(records, paged.segments, terms)
        if cached and paged is cached.paged and cached.tail == state:
            return cached.ranker
        if len(records.damage or ()) > damage:
            pages = pages.unsure()
        rows = [IndexRow.of(chunk, chunk.text) for chunk in tail]
        ranker = TurnRanker(paged.turns.with_tail(index_page(rows)))
        self._cache.put(records.scope, CachedRanker(pages, paged, state, ranker))
        return ranker

    def forget(self) -> None:
        """Drop what is kept in memory."""
        self._cache.clear()
        self._blocks.clear()

    def _paged(self, records: ScopeRecords, keys: Sequence[PageKey], known: Paged | None) -> Paged:
        """Entries are listed before segments: of a page that is moved in between, both count."""
        entries = records.index_entries(keys, known.entries if known else {})
        heads = segment_heads(records, known.heads if known else {})
        own = set(keys) - entries.keys()
        later = ScopeRecords(records.store, records.scope, {})
        segments = [
            SegmentPart(later, key, head, np.array([p in own for p in head.pages]), self._blocks)
            for key, head in heads.items()
        ]
        rest = joined_index([entries[key].record for key in sorted(entries)])
        return Paged(heads, entries, segments, IndexedTurns.of([*segments, rest]))

    def _load(
        self, records: ScopeRecords, segments: Sequence[SegmentPart], terms: Collection[int]
    ) -> None:
        keys = [key for segment in segments for key in segment.unread(terms)]
        if keys:
            for key, block in fetch_blocks(records, keys).items():
                self._blocks.put(key, block)


def _state(tail: Sequence[Chunk]) -> tuple[object, ...]:
    return tuple((chunk.position, len(chunk.text), chunk.turn) for chunk in tail)
