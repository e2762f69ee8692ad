"""Pages to turns: what can still be read of a page, span by span, and the turns of a scope put
together from it, those that match a query or all of them in order.

A scope's records say where a turn is, the decoder what its cells show. Knows nothing of how turns
are ranked or stored, or what they are recalled for.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from optimem.errors import StoreError
from optimem.memory.decay import DecayPolicy
from optimem.memory.records import (
    DOUBT_LEVELS,
    Chunk,
    PageKey,
    PageRecord,
    Span,
    holding,
    text_digest,
)
from optimem.memory.retrieval import RankerCache, TurnRanker, with_following
from optimem.memory.scope_records import ScopeRecords, Stored
from optimem.protocols import Box, PageCodec, ReadCells, Reading, VisionTokens
from optimem.results import PagePart, RecalledTurn, Recollection
from optimem.tiers import Tier
from optimem.turns import Role

VERIFIED = 0.95
"""Least probability of a cell that read back right when its page was written, as long as the
decoder still finds it likely (another machine may round differently)."""
LIKELY = 0.5
"""Probability from which the decoder finds a cell likely."""
REFRESH_AFTER = 3600.0
"""Seconds after which recalling a page again stores the time of the recall."""
BATCH = 16
"""Pages decoded at a time."""

log = logging.getLogger("optimem")

R = TypeVar("R", bound=RecalledTurn)


@dataclass(frozen=True)
class SpanReading:
    """A span as read. `exact`: its hash proves that the reading is what was written."""

    span: Span
    reading: Reading
    exact: bool


@dataclass(frozen=True)
class PageReading:
    """A page as read: its cells, with everything that its record says of them, and its spans."""

    cells: ReadCells
    spans: list[SpanReading]


def read_pages(records: Sequence[PageRecord], codec: PageCodec) -> list[PageReading]:
    """Read pages. Raises FingerprintError for tokens of another encoder."""
    tokens = [record.body for record in records if isinstance(record.body, VisionTokens)]
    decoded = iter(codec.decoder.read(tokens) if tokens else [])
    return [
        _read_tokens(record, next(decoded), codec)
        if isinstance(record.body, VisionTokens)
        else _read_text(record, record.body, codec)
        for record in records
    ]


def _read_tokens(record: PageRecord, decoded: ReadCells, codec: PageCodec) -> PageReading:
    """What was decoded, corrected by what was learned when the page was written: cells that read
    back right then, cells known to be doubtful, and values kept verbatim."""
    ids, probability = decoded.ids.copy(), decoded.probability
    likely = probability >= LIKELY
    probability = np.where(likely, np.maximum(probability, VERIFIED), probability)
    for cell, level in record.doubts:
        probability[cell] = min(probability[cell], level / DOUBT_LEVELS)
    for cell, text in record.verbatim:
        spelled = codec.renderer.spelled(text)
        ids[cell : cell + len(spelled)], probability[cell : cell + len(spelled)] = spelled, 1.0
    cells = ReadCells(ids, probability)
    return PageReading(cells, [_read_span(span, cells, codec) for span in record.spans])


def _read_text(record: PageRecord, texts: tuple[str, ...], codec: PageCodec) -> PageReading:
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
    return PageReading(cells, [_read_span(span, cells, codec) for span in spans])


def _read_span(span: Span, cells: ReadCells, codec: PageCodec) -> SpanReading:
    reading = span_text(span, cells, codec)
    exact = text_digest(reading.text) == span.digest
    if exact:
        reading = replace(reading, probability=np.ones_like(reading.probability))
    return SpanReading(span, reading, exact)


def span_text(span: Span, cells: ReadCells, codec: PageCodec) -> Reading:
    """The text of a span from the cells of its page."""
    part = slice(span.text_start, span.end)
    reading = codec.renderer.text(ReadCells(cells.ids[part], cells.probability[part]))
    return replace(reading, cell=reading.cell + span.text_start)


def line_boxes(cells: NDArray[np.int64], codec: PageCodec, tier: Tier) -> list[Box]:
    """The boxes of cells, one for each run of neighbours on a line."""
    lines: list[Box] = []
    for cell in cells.tolist():
        box = codec.renderer.box(cell, tier)
        last = lines[-1] if lines else None
        if last and last.top == box.top and abs(last.right - box.left) < 1:
            lines[-1] = Box(last.left, last.top, box.right, last.bottom)
        else:
            lines.append(box)
    return lines


class TurnPart(NamedTuple):
    """A part of a turn as read, of N characters. `page`: its id, None in the tail. `tier`: of the
    page, None for text. `text`: with U+FFFD for each uncertain character; `guess`: the most
    likely text. `probability` (N,): that each character is right. `cell` (N,): of each character
    on the page; empty in the tail."""

    page: str | None
    tier: Tier | None
    text: str
    guess: str
    probability: NDArray[np.float32]
    cell: NDArray[np.int64]
    exact: bool

    def cut(self, start: int, end: int) -> "TurnPart":
        """The characters from `start` to `end`, as far as they are here."""
        part = slice(max(start, 0), max(end, 0))
        return self._replace(
            text=self.text[part],
            guess=self.guess[part],
            probability=self.probability[part],
            cell=self.cell[part],
        )

    def page_part(self, codec: PageCodec) -> PagePart:
        """Where it is."""
        if self.page is None:
            return PagePart(page=None, tier="tail", boxes=[])
        boxes = line_boxes(self.cell, codec, self.tier or Tier.LARGE)
        return PagePart(page=self.page, tier=self.tier.label if self.tier else "text", boxes=boxes)


@dataclass
class TurnBuilder:
    """A turn put together from its parts in reading order. `number`: the turn's in its scope.
    `extra`: JSON, empty for none."""

    number: int
    id: str
    role: Role
    time: float
    extra: str = ""
    parts: list[TurnPart] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text with U+FFFD for each uncertain character."""
        return "".join(part.text for part in self.parts)

    @property
    def guess(self) -> str:
        """The most likely text, character by character that of `text`."""
        return "".join(part.guess for part in self.parts)

    def add_span(self, record: PageRecord, read: SpanReading, uncertain: float) -> None:
        """Add a part that is on a page."""
        self.parts.append(
            TurnPart(
                page=record.id,
                tier=record.tier,
                text=read.reading.marked(uncertain),
                guess=read.reading.text,
                probability=read.reading.probability,
                cell=read.reading.cell,
                exact=read.exact,
            )
        )

    def add_chunk(self, chunk: Chunk) -> None:
        """Add a part that is in the tail; it is joined to one before it that is there too."""
        text = chunk.text
        if self.parts and self.parts[-1].page is None:
            text = self.parts.pop().text + text
        certain, no_cells = np.ones(len(text), np.float32), np.zeros(0, np.int64)
        self.parts.append(TurnPart(None, None, text, text, certain, no_cells, exact=True))

    def cut(self, start: int, end: int) -> "TurnBuilder":
        """The same turn with only the characters from `start` to `end`, of which there must be at
        least one: text, certainty and boxes are theirs alone."""
        kept, before = list[TurnPart](), 0
        for part in self.parts:
            inside = part.cut(start - before, end - before)
            before += len(part.text)
            kept += [inside] if inside.text else []
        return replace(self, parts=kept)

    def build(self, kind: type[R], now: float, codec: PageCodec, **fields: Any) -> R:
        """The turn as a result of this kind, with the `fields` that the kind adds."""
        probability = np.concatenate([part.probability for part in self.parts])
        return kind(
            id=self.id,
            role=self.role,
            time=self.time,
            age=max(now - self.time, 0.0),
            text=self.text,
            guess=self.guess,
            probability=float(probability.mean()) if len(probability) else 1.0,
            least=float(probability.min()) if len(probability) else 1.0,
            exact=all(part.exact for part in self.parts),
            parts=[part.page_part(codec) for part in self.parts],
            extra=json.loads(self.extra) if self.extra else {},
            **fields,
        )


class Matches(NamedTuple):
    """The turns that match a query with their scores, best first, and the weights of the query's
    terms (see `TurnRanker.weights`)."""

    turns: list[tuple[TurnBuilder, float]]
    weights: dict[int, float]


class StoredHits(NamedTuple):
    """The turns that match a query, as they are stored: the ranker that found them, their numbers
    with scores, the pages that hold them, and the tail."""

    ranker: TurnRanker
    hits: list[tuple[int, float]]
    pages: list[Stored[PageRecord]]
    tail: list[Chunk]


@dataclass(frozen=True)
class Recaller:
    """Reads the turns of one scope as they are at `now`."""

    records: ScopeRecords
    codec: PageCodec
    policy: DecayPolicy
    rankers: RankerCache
    now: float

    def recall(
        self, query: str, k: int, *, refresh: bool = True, following: int = 0
    ) -> list[Recollection]:
        """Up to `k` turns that match a query, best first, each with the `following` turns after
        it. Only their pages are read. `refresh`: these pages fade later."""
        matches = self.matches(query, k, refresh=refresh, following=following)
        return [
            turn.build(Recollection, self.now, self.codec, score=score)
            for turn, score in matches.turns
        ]

    def matches(self, query: str, k: int, *, refresh: bool, following: int = 0) -> Matches:
        """What `recall` returns, before results are built: a snippet can still be cut out."""
        ranker, hits, pages, tail = self.records.at_one_moment(
            lambda: self._search(query, k, following)
        )
        turns = self._turns(pages, tail, {number for number, _ in hits})
        if refresh:
            self._refresh(pages)
        found = [(turns[number], score) for number, score in hits if number in turns]
        return Matches(found, ranker.weights(query))

    def between(self, since: float, until: float) -> list[RecalledTurn]:
        """All turns of a time, both ends included, in order. Pages that hold none are not
        decoded."""
        pages, tail = self.records.at_one_moment(self._everything)
        parts: list[Span | Chunk] = [*tail]
        for page in pages:
            parts += page.record.spans
        wanted = {part.position.sequence for part in parts if since <= part.time <= until}
        turns = self._turns(pages, tail, wanted).values()
        return [turn.build(RecalledTurn, self.now, self.codec) for turn in turns]

    def _search(self, query: str, k: int, following: int) -> StoredHits:
        page_keys, tail = self.records.snapshot()
        ranker = self.rankers.ranker(self.records, page_keys, tail)
        hits = with_following(ranker.best(query, k), ranker.turns.tolist(), following)
        wanted = {key for turn, _ in hits for key in holding(page_keys, turn)}
        return StoredHits(ranker, hits, self._pages(sorted(wanted)), tail)

    def _everything(self) -> tuple[list[Stored[PageRecord]], list[Chunk]]:
        page_keys, tail = self.records.snapshot()
        return self._pages(page_keys), tail

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
            new = TurnBuilder(number, part.turn, part.role, part.time, part.extra)
            return turns.setdefault(number, new)

        holding_any = [
            page.record
            for page in pages
            if any(span.position.sequence in wanted for span in page.record.spans)
        ]
        for start in range(0, len(holding_any), BATCH):
            batch = holding_any[start : start + BATCH]
            for record, reading in zip(batch, read_pages(batch, self.codec), strict=True):
                for read in reading.spans:
                    if read.span.position.sequence in wanted:
                        turn(read.span).add_span(record, read, self.policy.uncertain)
        for chunk in tail:
            if chunk.position.sequence in wanted:
                turn(chunk).add_chunk(chunk)
        return turns

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
