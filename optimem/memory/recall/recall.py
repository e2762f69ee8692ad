"""Pages to turns: what can still be read of a page, span by span, and the turns of a scope put
together from it, those that match a query or all of them in order.

A scope's records say where a turn is, the decoder what its cells show. Knows nothing of how turns
are ranked or stored, or what they are recalled for.
"""

import logging
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from optimem.errors import FingerprintError, FormatError, StoreError
from optimem.memory.decay import DecayPolicy
from optimem.memory.recall.meaning import Meanings
from optimem.memory.recall.narrowing import narrowed
from optimem.memory.recall.packing import Candidate, Packed, Reader, by_score, pack, with_neighbours
from optimem.memory.recall.ranker_cache import RankerCache
from optimem.memory.recall.request import Request
from optimem.memory.recall.reranking import POOL, Reranker, reranked
from optimem.memory.recall.retrieval import TurnRanker
from optimem.memory.recall.stages import Found, Hit, Query, find, sought_terms
from optimem.memory.recall.turn_builder import SpanReading, TurnBuilder
from optimem.memory.records.records import (
    Chunk,
    EntryKind,
    PageKey,
    PageRecord,
    Span,
    chunk_position,
    holding,
)
from optimem.memory.records.scope_records import ScopeRecords, Stored
from optimem.omem.container import format_errors
from optimem.omem.corrections import Corrections, proven
from optimem.protocols import PageCodec, ReadCells, Reading, VisionTokens
from optimem.results import Reason, RecalledTurn, Recollection, TurnList, Unreadable
from optimem.text.keeping import Keep
from optimem.text.terms import terms

REFRESH_AFTER = 3600.0
"""Seconds after which recalling a page again stores the time of the recall."""
BATCH = 16
"""Pages decoded at a time."""

log = logging.getLogger("optimem")


@dataclass(frozen=True)
class PageReading:
    """A page as read: its cells, corrected, and its spans, or those that were wanted. Cells of a
    span that its hash proves right are certain."""

    cells: ReadCells
    spans: list[SpanReading]


def read_pages(
    records: Sequence[PageRecord], codec: PageCodec, wanted: Container[int] | None = None
) -> list[PageReading]:
    """Read pages. `wanted`: numbers of the turns whose spans are read; None for all. Raises
    FingerprintError for tokens of another encoder."""
    tokens = [record.body for record in records if isinstance(record.body, VisionTokens)]
    decoded = iter(codec.decoder.read(tokens) if tokens else [])
    return [
        _read_tokens(record, next(decoded), codec, wanted)
        if isinstance(record.body, VisionTokens)
        else _read_text(record, record.body, codec, wanted)
        for record in records
    ]


def read_each(
    records: Sequence[PageRecord], codec: PageCodec, wanted: Container[int] | None = None
) -> list[PageReading | FormatError]:
    """Read pages, all at once, or one by one if one of them cannot be read: the error then."""
    try:
        return [*read_pages(records, codec, wanted)]
    except FormatError as error:
        if len(records) == 1:
            return [error]
        return [reading for record in records for reading in read_each([record], codec, wanted)]


def _read_tokens(
    record: PageRecord, decoded: ReadCells, codec: PageCodec, wanted: Container[int] | None
) -> PageReading:
    """What was decoded, with the corrections made when the page was written. Raises FormatError
    if these, or the spans, are not of such a page."""
    size = len(decoded.ids)
    if record.spans[-1].end > size:
        raise FormatError(
            f"page {record.id} is damaged: it names turns up to cell {record.spans[-1].end}, "
            f"and its tokens show {size} cells"
        )
    with format_errors(f"the corrections of page {record.id}"):
        cells = Corrections.unpack(record.corrections, size).apply(decoded)
    read = [_read_span(each, cells, codec, record.kept) for each in _of(record.spans, wanted)]
    for each in read:
        _take_certainty(cells, each)
    return PageReading(cells, read)


def _read_text(
    record: PageRecord, texts: tuple[str, ...], codec: PageCodec, wanted: Container[int] | None
) -> PageReading:
    """A page kept as text, as if each of its cells had been read with certainty. A turn that was
    stored in several chunks is one text here, which may take fewer cells."""
    parts = [
        codec.renderer.cells(text, span.role if span.starts else None)
        for span, text in zip(record.spans, texts, strict=True)
    ]
    ends = np.cumsum([len(part) for part in parts]).tolist()
    spans = [
        replace(span, start=end - len(part), end=end)
        for span, part, end in zip(record.spans, parts, ends, strict=True)
    ]
    ids = np.concatenate(parts)
    cells = ReadCells(ids, np.ones(len(ids), np.float32))
    read = [_read_span(each, cells, codec, Keep.ALL) for each in _of(spans, wanted)]
    return PageReading(cells, read)


def _of(spans: Iterable[Span], wanted: Container[int] | None) -> Iterator[Span]:
    """The spans of turns by their numbers; None for all."""
    return (span for span in spans if wanted is None or span.position.sequence in wanted)


def _read_span(span: Span, cells: ReadCells, codec: PageCodec, kept: Keep) -> SpanReading:
    reading = span_text(span, cells, codec)
    return SpanReading(span, *proven(reading, span.digest, kept is Keep.ALL))


def _take_certainty(cells: ReadCells, read: SpanReading) -> None:
    """Give a span's cells the certainty of its characters, now that its hash was compared."""
    part = slice(read.span.start, read.span.end)
    if read.exact:
        cells.probability[part] = 1
    else:
        starts = read.reading.cell
        cells.probability[starts] = np.minimum(cells.probability[starts], read.reading.probability)


def span_text(span: Span, cells: ReadCells, codec: PageCodec) -> Reading:
    """The text of a span from the cells of its page."""
    part = slice(span.text_start, span.end)
    reading = codec.renderer.text(ReadCells(cells.ids[part], cells.probability[part]))
    return replace(reading, cell=reading.cell + span.text_start)


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
        pages, tail = self.records.at_one_moment(self._everything)
        parts: list[Span | Chunk] = [*tail]
        for page in pages:
            parts += page.record.spans
        wanted = {part.position.sequence for part in parts if since <= part.time <= until}
        turns = self._turns(pages, tail, wanted).values()
        built = (turn.build(RecalledTurn, self.now, self.codec) for turn in turns)
        return TurnList(built, self.unreadable)

    def pinned(self) -> TurnList[RecalledTurn]:
        """The pinned turns in order. Pages that hold none are not decoded."""
        pages, tail = self.records.at_one_moment(self._everything)
        parts: list[Span | Chunk] = [*tail]
        for page in pages:
            parts += page.record.spans
        wanted = {part.position.sequence for part in parts if part.pinned}
        turns = self._turns(pages, tail, wanted).values()
        built = (turn.build(RecalledTurn, self.now, self.codec) for turn in turns)
        return TurnList(built, self.unreadable)

    def ids(self) -> list[str]:
        """The ids of all turns in order."""
        pages, tail = self.records.at_one_moment(self._everything)
        parts: list[Span | Chunk] = [*tail]
        for page in pages:
            parts += page.record.spans
        numbered = {part.position.sequence: part.turn for part in parts}
        return [numbered[number] for number in sorted(numbered)]

    def read(self, ids: Sequence[str]) -> list[RecalledTurn]:
        """The turns with these ids, in order; only their pages are read."""
        wanted, pages, tail = self.records.at_one_moment(lambda: self._numbered(ids))
        turns = self._turns(pages, tail, wanted)
        return [turns[n].build(RecalledTurn, self.now, self.codec) for n in sorted(turns)]

    def _search(self, request: Request) -> Matches:
        listed, tail = self.records.snapshot(self.rankers.pages(self.records))
        page_keys, wanted = listed.keys, sought_terms(request.query)
        ranker = self.rankers.ranker(self.records, listed, tail, wanted)
        weights = ranker.weights(request.query)
        query = narrowed(
            self._query(request, page_keys, tail, ranker), request.since, request.until
        )
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
        page_keys: Sequence[PageKey],
        tail: Sequence[Chunk],
        ranker: TurnRanker,
    ) -> Query:
        """What is asked, with how near each turn is to it in meaning, if that is known."""
        if self.meanings is None:
            return Query(request.query, self.now, ranker)
        near = self.meanings.nearness(self.records, page_keys, tail, ranker.turns, request.query)
        return Query(request.query, self.now, ranker, near)

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
