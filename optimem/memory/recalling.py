"""Turns as they can be read now: by a query, or all of them in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.compression import PageReader
from optimem.decay import DecayPolicy
from optimem.errors import ConflictError
from optimem.keys import PageKey, holding
from optimem.memory.ranking import Rankers
from optimem.memory.reading import SpanReading, line_boxes, read_pages
from optimem.memory.shelf import Shelf, Stored, page_changes
from optimem.records import Chunk, PageRecord, Span
from optimem.results import PagePart, RecalledTurn, Recollection
from optimem.retrieval import followed, index_page
from optimem.tiers import Tier
from optimem.turns import Role

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

    def place(self, reader: PageReader) -> PagePart:
        """Where it lies."""
        if self.page is None:
            return PagePart(page=None, tier="tail", boxes=[])
        boxes = line_boxes(self.cell, reader, self.tier or Tier.LARGE)
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

    def built(self, now: float, reader: PageReader) -> RecalledTurn:
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
            parts=[piece.place(reader) for piece in self.pieces],
        )


class Found(NamedTuple):
    """What bears on a query: turns with their scores, best first, and the `weights` of the
    query's terms (see `TurnRanker.weights`)."""

    turns: list[tuple[TurnBuilder, float]]
    weights: dict[int, float]


class Recaller:
    """Reads one scope."""

    def __init__(self, shelf: Shelf, reader: PageReader, policy: DecayPolicy, now: float) -> None:
        self.shelf, self.reader, self.policy, self.now = shelf, reader, policy, now

    def recall(
        self, query: str, k: int, *, refresh: bool, rankers: Rankers, following: int = 0
    ) -> list[Recollection]:
        """The `k` turns that bear most on a query, best first, each with the `following` turns
        after it; reads only their pages."""
        found = self.found(query, k, refresh=refresh, rankers=rankers, following=following)
        return [
            Recollection(**turn.built(self.now, self.reader).model_dump(), score=score)
            for turn, score in found.turns
        ]

    def found(
        self, query: str, k: int, *, refresh: bool, rankers: Rankers, following: int = 0
    ) -> Found:
        """What `recall` gives, before it is made up: any stretch of it can be cut out."""
        page_keys, tail = self.shelf.snapshot()
        ranker = rankers.ranker(self.shelf, page_keys, tail)
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
        page_keys, tail = self.shelf.snapshot()
        stored = self._stored(page_keys)
        parts: list[Span | Chunk] = [*tail]
        for found in stored:
            parts += found.record.spans
        wanted = {part.position.sequence for part in parts if since <= part.time <= until}
        turns = self._turns(stored, tail, wanted).values()
        return [turn.built(self.now, self.reader) for turn in turns]

    def _stored(self, wanted: Sequence[PageKey]) -> list[Stored[PageRecord]]:
        return [found for found in self.shelf.pages(wanted) if found]

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
            for record, reading in zip(records, read_pages(records, self.reader), strict=True):
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
            due = None if record.pinned else self.policy.due(record.tier, self.now)
            try:
                change = page_changes(record, index_page([]), due, version)[0]
                self.shelf.store.commit(self.shelf.scope, [change])
            except ConflictError:
                continue


def _builder(builders: dict[int, TurnBuilder], number: int, part: Span | Chunk) -> TurnBuilder:
    return builders.setdefault(number, TurnBuilder(number, part.key, part.role, part.time))
