"""The turns of a scope put together from what can be read of its pages: those that match a query,
or all of them in order.

Knows nothing of how turns are ranked or stored, or what they are recalled for.
"""

import logging
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from optimem.errors import FingerprintError, FormatError, StoreError
from optimem.memory.decay import DecayPolicy
from optimem.memory.recall.meaning import Meanings
from optimem.memory.recall.narrowing import is_long, narrowed
from optimem.memory.recall.packing import Candidate, Packed, Reader, by_score, pack, with_neighbours
from optimem.memory.recall.page_reading import PageReading, read_each
from optimem.memory.recall.ranker_cache import RankerCache
from optimem.memory.recall.request import Request
from optimem.memory.recall.reranking import POOL, Reranker, reranked
from optimem.memory.recall.retrieval import TurnRanker
from optimem.memory.recall.stages import UNRELATED, Found, Hit, Query, find, sought_terms
from optimem.memory.recall.support import Claim
from optimem.memory.recall.turn_builder import TurnBuilder
from optimem.memory.records.records import (
    Chunk,
    EntryKind,
    PageKey,
    PageRecord,
    Span,
    chunk_position,
    holding,
)
from optimem.memory.records.scope_records import PageList, ScopeRecords, Stored
from optimem.protocols import PageCodec
from optimem.results import Reason, RecalledTurn, Recollection, TurnList, Unreadable
from optimem.text.terms import terms

REFRESH_AFTER = 3600.0
"""Seconds after which recalling a page again stores the time of the recall."""
BATCH = 16
"""Pages decoded at a time."""

log = logging.getLogger("optimem")


class Matches(NamedTuple):
    """What matches a query, best first. `turns`: as they can be read. `query`: as it was taken.
    `weights`: of its terms (see `TurnRanker.weights`). `pages`: that were read."""

    turns: list[Packed]
    query: Query
    weights: dict[int, float]
    pages: list[Stored[PageRecord]]


def _why(candidate: Candidate, ids: Mapping[int, str]) -> list[Reason]:
    if candidate.matches:
        return candidate.hit.why
    return [Reason(stage="beside", score=0.0, note=ids.get(candidate.hit.number, ""))]


def _parts(pages: Iterable[Stored[PageRecord]], tail: Iterable[Chunk]) -> Iterator[Span | Chunk]:
    """All spans and chunks."""
    yield from tail
    for page in pages:
        yield from page.record.spans


@dataclass(frozen=True)
class Recaller:
    """Reads the turns of one scope as they are at `now`. `meanings`: of its turns, if an embedding
    model was given; `rerank`: scores what was found anew."""

    records: ScopeRecords
    codec: PageCodec
    policy: DecayPolicy
    rankers: RankerCache
    now: float
    meanings: Meanings | None = None
    rerank: Reranker | None = None

    def recall(self, request: Request) -> TurnList[Recollection]:
        """The turns that match a query, best first, with those beside them. Only their pages are
        read."""
        return TurnList(recollections(self, self.matches(request)), self.unreadable)

    def matches(self, request: Request) -> Matches:
        """What `recall` returns, before results are built: a snippet can still be cut out."""
        matches = self.records.at_one_moment(lambda: self._search(request))
        if request.refresh:
            self._refresh(matches.pages)
        return matches

    def weights(self, query: str) -> dict[int, float]:
        """The weight of each term of a query in the scope (see `TurnRanker.weights`)."""
        ranker = self.records.at_one_moment(
            lambda: self.rankers.ranker(
                self.records, *self.records.snapshot(self.rankers.pages(self.records)), terms(query)
            )
        )
        return ranker.weights(query)

    def between(self, since: float, until: float) -> TurnList[RecalledTurn]:
        """All turns of a time, both ends included, in order. Pages that hold none are not
        decoded."""
        return self._those(lambda part: since <= part.time <= until)

    def pinned(self) -> TurnList[RecalledTurn]:
        """The pinned turns in order. Pages that hold none are not decoded."""
        return self._those(lambda part: part.pinned)

    def ids(self) -> list[str]:
        """The ids of all turns in order."""
        pages, tail = self.records.at_one_moment(self._everything)
        numbered = {part.position.sequence: part.turn for part in _parts(pages, tail)}
        return [numbered[number] for number in sorted(numbered)]

    def read(self, ids: Sequence[str]) -> list[RecalledTurn]:
        """The turns with these ids, in order; only their pages are read."""
        wanted, pages, tail = self.records.at_one_moment(lambda: self._numbered(ids))
        turns = self._turns(pages, tail, wanted)
        return [turns[n].build(RecalledTurn, self.now, self.codec) for n in sorted(turns)]

    def _search(self, request: Request) -> Matches:
        listed, tail = self.records.snapshot(self.rankers.pages(self.records))
        page_keys = listed.keys
        last = page_keys[-1].position.sequence if page_keys else 0
        wanted = sought_terms(request.query, last)
        ranker = self.rankers.ranker(self.records, listed, tail, wanted)
        weights = ranker.weights(request.query)
        query = self._query(request, listed, tail, ranker)
        pages = dict[PageKey, Stored[PageRecord]]()

        def read(numbers: Sequence[int]) -> dict[int, TurnBuilder]:
            wanted = {key for number in numbers for key in holding(page_keys, number)}
            found = self._pages(sorted(wanted))
            pages.update({page.record.key: page for page in found})
            return self._turns(found, tail, set(numbers))

        hits, rest = self._hits(find(query), request, read)
        beside = (request.preceding, request.following)
        if request.budget is None:
            candidates = with_neighbours(hits, ranker, *beside)
            turns = read([each.number for each in candidates])
            given = [
                Packed(each, turns[each.number], whole=True)
                for each in candidates
                if each.number in turns
            ]
        else:
            candidates = by_score(hits, ranker, *beside, rest)
            given = list(pack(candidates, request.budget, read, weights))
        return Matches(given, query, weights, list(pages.values()))

    def _query(
        self,
        request: Request,
        pages: PageList,
        tail: Sequence[Chunk],
        ranker: TurnRanker,
    ) -> Query:
        """What is asked of the turns that it may find, with how near each is to it in meaning, if
        that is known."""
        query, times = Query(request.query, self.now, ranker), (request.since, request.until)
        asked = self.meanings and self.meanings.asked(self.records, pages, tail, request.query)
        if not asked:
            return narrowed(query, *times)
        meant = None
        if is_long(ranker):
            at, cosines = asked.nearest(ranker.turns)
            meant = Claim(at, np.maximum(cosines - UNRELATED, 0).astype(np.float32))
        query = narrowed(query, *times, meant)
        return replace(query, nearness=asked.cosines(query.ranker.turns))

    def _hits(self, found: Found, request: Request, read: Reader) -> tuple[list[Hit], list[Hit]]:
        """What matches, best first, and what may fill the rest of a budget. A reranker is shown the
        best, and what it was not shown comes after them."""
        allowed = found.query.ranker.within(request.since, request.until)
        wanted = max(request.k, POOL) if self.rerank else request.k
        hits, rest = found.best(wanted, allowed), list[Hit]()
        if self.rerank:
            turns = read([hit.number for hit in hits[:POOL]])
            texts = {number: turn.text for number, turn in turns.items()}
            again = reranked(request.query, hits[:POOL], texts, self.rerank)
            hits, rest = again[: request.k], hits[POOL : request.k]
        if request.budget is not None:
            rest += found.rest(max(request.k - len(hits) - len(rest), 0), allowed)
        return hits, rest

    def _those(self, wanted: Callable[[Span | Chunk], bool]) -> TurnList[RecalledTurn]:
        """The turns of which any part is wanted, in order."""
        pages, tail = self.records.at_one_moment(self._everything)
        numbers = {part.position.sequence for part in _parts(pages, tail) if wanted(part)}
        turns = self._turns(pages, tail, numbers).values()
        built = (turn.build(RecalledTurn, self.now, self.codec) for turn in turns)
        return TurnList(built, self.unreadable)

    def _everything(self) -> tuple[list[Stored[PageRecord]], list[Chunk]]:
        listed, tail = self.records.snapshot()
        return self._pages(listed.keys), tail

    def _numbered(
        self, ids: Sequence[str]
    ) -> tuple[set[int], list[Stored[PageRecord]], list[Chunk]]:
        listed, tail = self.records.snapshot()
        wanted = {number for number in self.records.turn_numbers(ids) if number is not None}
        keys = sorted({key for number in wanted for key in holding(listed.keys, number)})
        return wanted, self._pages(keys), tail

    def _pages(self, keys: Sequence[PageKey]) -> list[Stored[PageRecord]]:
        """The pages that are still there."""
        return [page for page in self.records.pages(keys) if page]

    def _turns(
        self, pages: Sequence[Stored[PageRecord]], tail: Iterable[Chunk], wanted: set[int]
    ) -> dict[int, TurnBuilder]:
        """The turns `wanted` by number, in order; only pages that hold one are decoded."""
        turns: dict[int, TurnBuilder] = {}

        def turn(part: Span | Chunk) -> TurnBuilder:
            number = part.position.sequence
            new = TurnBuilder(number, part.turn, part.role, part.time, part.extra, part.name)
            return turns.setdefault(number, new)

        holding_any = [
            page.record
            for page in pages
            if any(span.position.sequence in wanted for span in page.record.spans)
        ]
        for start in range(0, len(holding_any), BATCH):
            batch = holding_any[start : start + BATCH]
            for record, reading in zip(batch, self._read(batch, wanted), strict=True):
                for read in reading.spans if reading else ():
                    turn(read.span).add_span(record, read, self.policy.uncertain)
        for chunk in tail:
            if chunk.position.sequence in wanted:
                turn(chunk).add_chunk(chunk)
        for builder in turns.values():
            self._mark_damage(builder)
        return turns

    def _read(
        self, records: Sequence[PageRecord], wanted: Container[int]
    ) -> list[PageReading | None]:
        """Read turns of pages; None for a page whose tokens are damaged. Raises FingerprintError
        for tokens of another encoder."""
        readings = list[PageReading | None]()
        for record, reading in zip(records, read_each(records, self.codec, wanted), strict=True):
            if isinstance(reading, FingerprintError):
                raise reading
            if isinstance(reading, FormatError):
                self.records.report(record.key.page, reading)
            readings.append(reading if isinstance(reading, PageReading) else None)
        return readings

    def _mark_damage(self, turn: TurnBuilder) -> None:
        """Mark where parts of a turn cannot be read: damaged chunks, damaged pages that start
        within it, and the one before if the turn's start is missing."""
        keys = sorted(self.records.damage or ())
        chunks = [chunk_position(key) for key in keys if EntryKind.of(key) is EntryKind.CHUNK]
        damaged = [PageKey.parse(key) for key in keys if EntryKind.of(key) is EntryKind.PAGE]
        start_missing = turn.parts[0].offset > 0
        for position in chunks:
            if position.sequence == turn.number:
                turn.add_damage(None, position.offset)
        for key in holding(damaged, turn.number):
            if key.position.sequence == turn.number:
                turn.add_damage(key.id, key.position.offset)
            elif start_missing:
                turn.add_damage(key.id, 0)

    @property
    def unreadable(self) -> list[Unreadable]:
        """The entries that could not be read so far."""
        return list((self.records.damage or {}).values())

    def _refresh(self, pages: Sequence[Stored[PageRecord]]) -> None:
        """Let pages fade later; whoever changes one at the same time wins. A store that cannot be
        written, such as a replica or a full one, is read all the same."""
        try:
            for record, version in pages:
                if self.now - record.accessed >= REFRESH_AFTER:
                    record = replace(record, accessed=self.now)
                    self.records.refresh(record, version, self.policy.page_due(record))
        except StoreError as error:
            log.info("pages of %s were recalled, but not refreshed: %s", self.records.scope, error)


def recollections(recaller: Recaller, matches: Matches) -> list[Recollection]:
    """What matches, as results."""
    ids = {found.turn.number: found.turn.id for found in matches.turns}
    return [
        found.turn.build(
            Recollection,
            recaller.now,
            recaller.codec,
            score=found.candidate.hit.score if found.candidate.matches else 0.0,
            why=_why(found.candidate, ids),
            whole=found.whole,
        )
        for found in matches.turns
    ]
