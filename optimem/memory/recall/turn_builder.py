"""A turn put together from its parts, as they could be read, and given out as a result.

Knows where each part lies on its page, but not how it was found or read.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from optimem.memory.records.records import Chunk, PageRecord, Span
from optimem.protocols import REPLACEMENT, Box, PageCodec, Reading
from optimem.results import PagePart, RecalledTurn
from optimem.tiers import Tier
from optimem.turns import Role

R = TypeVar("R", bound=RecalledTurn)


@dataclass(frozen=True)
class SpanReading:
    """A span as read. `exact`: its hash proves that the reading is what was written."""

    span: Span
    reading: Reading
    exact: bool


def line_boxes(cells: NDArray[np.int64], codec: PageCodec, tier: Tier) -> list[Box]:
    """The boxes of cells, which ascend, one for each run of neighbours on a line."""
    if len(cells) and cells[-1] - cells[0] == len(cells) - 1:
        return [*_run_boxes(int(cells[0]), int(cells[-1]) + 1, codec, tier)]
    runs = np.split(cells, np.flatnonzero(np.diff(cells) != 1) + 1) if len(cells) else []
    return [box for run in runs for box in _run_boxes(int(run[0]), int(run[-1]) + 1, codec, tier)]


def _run_boxes(start: int, end: int, codec: PageCodec, tier: Tier) -> Iterator[Box]:
    """The boxes of the lines of the cells from `start` to `end`: only the ends of each line are
    asked for, as a long turn has thousands of cells. A line that is as long as the one before is
    found at once."""
    box, length = partial(codec.renderer.box, tier=tier), 0
    while start < end:
        first, stop = box(start), start + length
        if not (start < stop < end and box(stop - 1).top == first.top < box(stop).top):
            line = range(start, end)
            stop = start + bisect_right(line, first.top, key=lambda cell: box(cell).top)
        last = box(stop - 1)
        yield Box(first.left, first.top, last.right, last.bottom)
        length, start = stop - start, stop


class TurnPart(NamedTuple):
    """A part of a turn as read, of N characters. `page`: its id, None in the tail. `tier`: of the
    page, None for text. `text`: with U+FFFD for each uncertain character; `guess`: the most
    likely text. `probability` (N,): that each character is right. `cell` (N,): of each character
    on the page; empty in the tail. `offset`: characters of the turn before it. `damaged`: it
    stands for text that cannot be read."""

    page: str | None
    tier: Tier | None
    text: str
    guess: str
    probability: NDArray[np.float32]
    cell: NDArray[np.int64]
    exact: bool
    offset: int = 0
    damaged: bool = False

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
        if self.damaged:
            return PagePart(page=self.page, tier="damaged", boxes=[])
        if self.page is None:
            return PagePart(page=None, tier="tail", boxes=[])
        boxes = line_boxes(self.cell, codec, self.tier or Tier.LARGE)
        return PagePart(page=self.page, tier=self.tier.label if self.tier else "text", boxes=boxes)


@dataclass
class TurnBuilder:
    """A turn put together from its parts in reading order. `number`: the turn's in its scope.
    `extra`: JSON, empty for none. `name`: who speaks, empty for nobody in particular."""

    number: int
    id: str
    role: Role
    time: float
    extra: str = ""
    name: str = ""
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
                offset=read.span.position.offset,
            )
        )

    def add_damage(self, page: str | None, offset: int) -> None:
        """Add U+FFFD for a part on a page that cannot be read."""
        unsure, cell = np.zeros(1, np.float32), np.zeros(1, np.int64)
        mark = TurnPart(page, None, REPLACEMENT, REPLACEMENT, unsure, cell, exact=False)
        part = mark._replace(offset=offset, damaged=True)
        self.parts = sorted([*self.parts, part], key=attrgetter("offset"))

    def add_chunk(self, chunk: Chunk) -> None:
        """Add a part that is in the tail; it is joined to one before it that is there too."""
        text, offset = chunk.text, chunk.position.offset
        if self.parts and self.parts[-1].page is None:
            before = self.parts.pop()
            text, offset = before.text + text, before.offset
        certain, no_cells = np.ones(len(text), np.float32), np.zeros(0, np.int64)
        self.parts.append(
            TurnPart(None, None, text, text, certain, no_cells, exact=True, offset=offset)
        )

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
            name=self.name or None,
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
