"""Records to text: what can still be read of a page, span by span, and where it stands.

Turns as they can be read now: by a query, or all of them in order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
from optimem.memory.retrieval import Rankers, followed
from optimem.memory.scope_records import ScopeRecords, Stored
from optimem.protocols import Box, PageCodec, ReadCells, Reading, VisionTokens
from optimem.results import PagePart, RecalledTurn, Recollection
from optimem.tiers import Tier
from optimem.turns import Role

VERIFIED = 0.95  # probability of a cell that was read right when its page was written,
LIKELY = 0.5  # if the decoder still thinks so: another machine may round differently


@dataclass(frozen=True)
class SpanReading:
    """A span's best guess, and whether its hash proves it right."""

    span: Span
    reading: Reading
    exact: bool

    def marked(self, uncertain: float) -> str:
        """The text with characters less probable than `uncertain` as U+FFFD."""
        return self.reading.marked(uncertain)


@dataclass(frozen=True)
class PageReading:
    """A page as read: its cells with everything known about them, and its spans."""

    cells: ReadCells
    spans: list[SpanReading]


def read_pages(records: Sequence[PageRecord], codec: PageCodec) -> list[PageReading]:
    """Read pages. Raises FingerprintError for tokens of another encoder."""
    tokens = [r.body for r in records if isinstance(r.body, VisionTokens)]
    seen = iter(codec.decoder.read(tokens) if tokens else [])
    return [
        _with_known(r, next(seen), codec)
        if isinstance(r.body, VisionTokens)
        else _kept_text(r, r.body, codec)
        for r in records
    ]


def _with_known(record: PageRecord, read: ReadCells, codec: PageCodec) -> PageReading:
    """A reading with what was learned when the page was written: cells that were compared
    then and found right are known, the others doubtful."""
    ids = read.ids.copy()
    likely = read.probability >= LIKELY
    probability = np.where(likely, np.maximum(read.probability, VERIFIED), read.probability)
    for cell, level in record.doubts:
        probability[cell] = min(probability[cell], level / DOUBT_LEVELS)
    for cell, text in record.verbatim:
        exact = codec.renderer.spelled(text)
        ids[cell : cell + len(exact)], probability[cell : cell + len(exact)] = exact, 1.0
    cells = ReadCells(ids, probability)
    return PageReading(cells, [_read_span(span, cells, codec) for span in record.spans])


def _read_span(span: Span, cells: ReadCells, codec: PageCodec) -> SpanReading:
    part = slice(span.text_start, span.end)
    reading = codec.renderer.text(ReadCells(cells.ids[part], cells.probability[part]))
    reading = replace(reading, cell=reading.cell + span.text_start)
    exact = text_digest(reading.text) == span.digest
    if exact:
        reading = replace(reading, probability=np.ones_like(reading.probability))
    return SpanReading(span, reading, exact)


def _kept_text(record: PageRecord, texts: tuple[str, ...], codec: PageCodec) -> PageReading:
    """A page that no tier could hold: as if it had been read without a doubt. Pieces of a turn
    that came in one after another are one text now, which may take fewer cells."""
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


def line_boxes(cells: NDArray[np.int64], codec: PageCodec, tier: Tier) -> list[Box]:
    """The boxes of cells, those side by side on a line joined."""
    lines: list[Box] = []
    for cell in cells.tolist():
        box = codec.renderer.box(cell, tier)
        last = lines[-1] if lines else None
        if last and last.top == box.top and abs(last.right - box.left) < 1:
            lines[-1] = Box(last.left, last.top, box.right, last.bottom)
        else:
            lines.append(box)
    return lines


REFRESH_EVERY = 3600.0
"""Seconds within which recalling a page again does not rewrite it."""
BATCH = 16


class Piece(NamedTuple):
    """A part of a turn as it was read. `page`: None for the open tail. `text`, `guess`: with
    doubtful characters marked, and the likeliest, of the same length N. `probability` (N,).
    `cell` (N,): where each character stands on the page; (0,) in the tail."""

    page: str | None
    tier: Tier | None
    text: str
    guess: str
    probability: NDArray[np.float32]
    cell: NDArray[np.int64]
    exact: bool

    def cut(self, start: int, end: int) -> "Piece":
        """Some of its characters."""
        part = slice(max(start, 0), max(end, 0))
        return self._replace(
            text=self.text[part],
            guess=self.guess[part],
            probability=self.probability[part],
            cell=self.cell[part],
        )

    def place(self, codec: PageCodec) -> PagePart:
        """Where it lies."""
        if self.page is None:
            return PagePart(page=None, tier="tail", boxes=[])
        boxes = line_boxes(self.cell, codec, self.tier or Tier.LARGE)
        return PagePart(page=self.page, tier=self.tier.label if self.tier else "text", boxes=boxes)


@dataclass
class TurnBuilder:
    """A turn put together from its parts, which come in order. `number`: its place among the
    scope's turns."""

    number: int
    id: str
    role: Role
    time: float
    pieces: list[Piece] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What can be read of it, uncertain characters as U+FFFD."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def guess(self) -> str:
        """The likeliest text, character by character where `text` is."""
        return "".join(piece.guess for piece in self.pieces)

    def add_span(self, record: PageRecord, read: SpanReading, uncertain: float) -> None:
        """A part that lies on a page."""
        text, guess = read.marked(uncertain), read.reading.text
        sure, cell = read.reading.probability, read.reading.cell
        self.pieces.append(Piece(record.id, record.tier, text, guess, sure, cell, read.exact))

    def add_chunk(self, chunk: Chunk) -> None:
        """A part that is still text; what follows on another such part is one with it."""
        text = chunk.text
        if self.pieces and self.pieces[-1].page is None:
            text = self.pieces.pop().text + text
        sure, cell = np.ones(len(text), np.float32), np.zeros(0, np.int64)
        self.pieces.append(Piece(None, None, text, text, sure, cell, True))

    def cut(self, start: int, end: int) -> "TurnBuilder":
        """The same turn with only the characters from `start` to `end`, of which there must
        be one: its text, certainty and boxes are theirs alone."""
        kept, before = list[Piece](), 0
        for piece in self.pieces:
            part = piece.cut(start - before, end - before)
            before += len(piece.text)
            kept += [part] if part.text else []
        return replace(self, pieces=kept)

    def built(self, now: float, codec: PageCodec) -> RecalledTurn:
        """The turn as it is given out."""
        sure = np.concatenate([np.ones(0, np.float32), *(p.probability for p in self.pieces)])
        return RecalledTurn(
            id=self.id,
            role=self.role,
            time=self.time,
            age=max(now - self.time, 0.0),
            text=self.text,
            guess=self.guess,
            probability=float(sure.mean()) if len(sure) else 1.0,
            least=float(sure.min()) if len(sure) else 1.0,
            exact=all(piece.exact for piece in self.pieces),
            parts=[piece.place(codec) for piece in self.pieces],
        )


class Found(NamedTuple):
    """What bears on a query: turns with their scores, best first, and the `weights` of the
    query's terms (see `TurnRanker.weights`)."""

    turns: list[tuple[TurnBuilder, float]]
    weights: dict[int, float]


class Recaller:
    """Reads one scope."""

    def __init__(
        self, records: ScopeRecords, codec: PageCodec, policy: DecayPolicy, now: float
    ) -> None:
        self.records, self.codec, self.policy, self.now = records, codec, policy, now

    def recall(
        self, query: str, k: int, *, refresh: bool, rankers: Rankers, following: int = 0
    ) -> list[Recollection]:
        """The `k` turns that bear most on a query, best first, each with the `following` turns
        after it; reads only their pages."""
        found = self.found(query, k, refresh=refresh, rankers=rankers, following=following)
        return [
            Recollection(**turn.built(self.now, self.codec).model_dump(), score=score)
            for turn, score in found.turns
        ]

    def found(
        self, query: str, k: int, *, refresh: bool, rankers: Rankers, following: int = 0
    ) -> Found:
        """What `recall` gives, before it is made up: any stretch of it can be cut out."""
        page_keys, tail = self.records.snapshot()
        ranker = rankers.ranker(self.records, page_keys, tail)
        best = followed(ranker.best(query, k), ranker.turns.tolist(), following)
        needed = {key for number, _ in best for key in holding(page_keys, number)}
        stored = self._stored(sorted(needed))
        turns = self._turns(stored, tail, {number for number, _ in best})
        if refresh:
            self._refresh(stored)
        hits = [(turns[number], score) for number, score in best if number in turns]
        return Found(hits, ranker.weights(query))

    def between(self, since: float, until: float) -> list[RecalledTurn]:
        """All turns of a time, both ends included, in order, the tail's too. Pages that hold
        none are not read."""
        page_keys, tail = self.records.snapshot()
        stored = self._stored(page_keys)
        parts: list[Span | Chunk] = [*tail]
        for found in stored:
            parts += found.record.spans
        wanted = {part.position.sequence for part in parts if since <= part.time <= until}
        turns = self._turns(stored, tail, wanted).values()
        return [turn.built(self.now, self.codec) for turn in turns]

    def _stored(self, wanted: Sequence[PageKey]) -> list[Stored[PageRecord]]:
        return [found for found in self.records.pages(wanted) if found]

    def _turns(
        self,
        stored: Sequence[Stored[PageRecord]],
        tail: Iterable[Chunk],
        wanted: set[int],
    ) -> dict[int, TurnBuilder]:
        """The turns `wanted`, by number; only pages that hold one are read."""
        builders: dict[int, TurnBuilder] = {}
        holding = [
            found.record
            for found in stored
            if any(span.position.sequence in wanted for span in found.record.spans)
        ]
        for start in range(0, len(holding), BATCH):
            records = holding[start : start + BATCH]
            for record, reading in zip(records, read_pages(records, self.codec), strict=True):
                for read in reading.spans:
                    number = read.span.position.sequence
                    if number in wanted:
                        builder = _builder(builders, number, read.span)
                        builder.add_span(record, read, self.policy.uncertain)
        for chunk in tail:
            if chunk.position.sequence in wanted:
                _builder(builders, chunk.position.sequence, chunk).add_chunk(chunk)
        return builders

    def _refresh(self, stored: Sequence[Stored[PageRecord]]) -> None:
        """What is remembered fades later. Losing a race here is harmless."""
        for record, version in stored:
            if self.now - record.accessed < REFRESH_EVERY:
                continue
            record = replace(record, accessed=self.now)
            self.records.refresh(record, version, self.policy.page_due(record))


def _builder(builders: dict[int, TurnBuilder], number: int, part: Span | Chunk) -> TurnBuilder:
    return builders.setdefault(number, TurnBuilder(number, part.turn, part.role, part.time))
