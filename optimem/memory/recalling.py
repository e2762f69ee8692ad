"""Turns as they can be read now: by a query, or all of them in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

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

REFRESH_EVERY = 3600.0
"""Seconds within which recalling a page again does not rewrite it."""
BATCH = 16


@dataclass
class TurnBuilder:
    """A turn put together from its parts, which come in order."""

    id: str
    role: str
    time: float
    text: str = ""
    guess: str = ""
    exact: bool = True

    def __post_init__(self) -> None:
        self.probability: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
        self.parts: list[PagePart] = []

    def add_span(
        self, record: PageRecord, read: SpanReading, reader: PageReader, uncertain: float
    ) -> None:
        """A part that lies on a page."""
        tier = record.tier
        boxes = line_boxes(read.reading.cell, reader, tier or Tier.LARGE)
        self.parts.append(
            PagePart(page=record.id, tier=tier.label if tier else "text", boxes=boxes)
        )
        self.text += read.marked(uncertain)
        self.guess += read.reading.text
        self.probability.append(read.reading.probability)
        self.exact = self.exact and read.exact

    def add_chunk(self, chunk: Chunk) -> None:
        """A part that is still text."""
        if not self.parts or self.parts[-1].tier != "tail":
            self.parts.append(PagePart(page=None, tier="tail", boxes=[]))
        self.text += chunk.text
        self.guess += chunk.text
        self.probability.append(np.ones(len(chunk.text), np.float32))

    def built(self, now: float) -> RecalledTurn:
        """The turn as it is given out."""
        sure = np.concatenate(self.probability) if self.probability else np.ones(0, np.float32)
        return RecalledTurn.model_validate(
            {
                "id": self.id,
                "role": self.role,
                "time": self.time,
                "age": max(now - self.time, 0.0),
                "text": self.text,
                "guess": self.guess,
                "probability": float(sure.mean()) if len(sure) else 1.0,
                "least": float(sure.min()) if len(sure) else 1.0,
                "exact": self.exact,
                "parts": self.parts,
            }
        )


class Recaller:
    """Reads one scope."""

    def __init__(self, shelf: Shelf, reader: PageReader, policy: DecayPolicy, now: float) -> None:
        self.shelf, self.reader, self.policy, self.now = shelf, reader, policy, now

    def recall(
        self, query: str, k: int, *, refresh: bool, rankers: Rankers, following: int = 0
    ) -> list[Recollection]:
        """The `k` turns that bear most on a query, best first, each with the `following` turns
        after it; reads only their pages."""
        page_keys, tail = self.shelf.snapshot()
        ranker = rankers.ranker(self.shelf, page_keys, tail)
        best = followed(ranker.best(query, k), ranker.turns.tolist(), following)
        needed = {key for number, _ in best for key in holding(page_keys, number)}
        stored = self._stored(sorted(needed))
        turns = self._turns(stored, tail, {number for number, _ in best})
        if refresh:
            self._refresh(stored)
        return [
            Recollection(**turns[number].model_dump(), score=score)
            for number, score in best
            if number in turns
        ]

    def between(self, since: float, until: float) -> list[RecalledTurn]:
        """All turns of a time, both ends included, in order, the tail's too. Pages that hold
        none are not read."""
        page_keys, tail = self.shelf.snapshot()
        stored = self._stored(page_keys)
        parts: list[Span | Chunk] = [*tail]
        for found in stored:
            parts += found.record.spans
        wanted = {part.position.sequence for part in parts if since <= part.time <= until}
        return list(self._turns(stored, tail, wanted).values())

    def _stored(self, wanted: Sequence[PageKey]) -> list[Stored[PageRecord]]:
        return [found for found in self.shelf.pages(wanted) if found]

    def _turns(
        self,
        stored: Sequence[Stored[PageRecord]],
        tail: Iterable[Chunk],
        wanted: set[int],
    ) -> dict[int, RecalledTurn]:
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
                        builder.add_span(record, read, self.reader, self.policy.uncertain)
        for chunk in tail:
            if chunk.position.sequence in wanted:
                _builder(builders, chunk.position.sequence, chunk).add_chunk(chunk)
        return {number: builder.built(self.now) for number, builder in builders.items()}

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
    return builders.setdefault(number, TurnBuilder(part.key, part.role, part.time))
