"""A renderer and a reader small enough to reason about, for tests of the memory's logic.

`PlainRenderer` draws one character a cell on pages of 400. `PlainReader` keeps the cells as
they are, and forgets a fixed share of them on each tier: what it forgets reads as "?".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from optimem.errors import FingerprintError
from optimem.protocols import Box, Cells, Page, PageCodec, ReadCells, Reading, VisionTokens
from optimem.tiers import Tier
from optimem.turns import ROLES, Role

CAPACITY = 400
COLUMNS = 40
FIRST_MARK = 60_000


@dataclass(frozen=True)
class PlainPage:
    cells: Cells

    def image(self, tier: Tier) -> np.ndarray:
        return np.zeros((tier.value, tier.value), np.uint8)


class PlainRenderer:
    version = "plain"
    capacity = CAPACITY

    def cells(self, text: str, role: Role | None = None) -> Cells:
        mark = [] if role is None else [FIRST_MARK + ROLES.index(role)]
        return np.array([*mark, *map(ord, text)], np.uint16)

    def spelled(self, text: str) -> Cells:
        return self.cells(text)

    def split(self, cells: Cells, room: int) -> int:
        return min(len(cells), room)

    def text(self, read: ReadCells) -> Reading:
        kept = np.flatnonzero(read.ids < FIRST_MARK)
        text = "".join(chr(i) for i in read.ids[kept])
        return Reading(text, read.probability[kept].astype(np.float32), kept)

    def page(self, cells: Cells) -> Page:
        assert len(cells) <= CAPACITY
        return PlainPage(cells)

    def box(self, cell: int, tier: Tier) -> Box:
        y, x = divmod(cell, COLUMNS)
        return Box(x, y, x + 1, y + 1)


@dataclass
class PlainReader:
    """`lost`: every how many cells one is forgotten on a tier; 0 for none."""

    lost: dict[Tier, int] = field(default_factory=dict)
    fingerprint: str = "plain-1"
    read_pages: int = 0

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        return [self._tokens(page.cells.copy(), tier) for page in pages]

    def _tokens(self, cells: Cells, tier: Tier) -> VisionTokens:
        every = self.lost.get(tier, 0)
        if every:
            cells[every - 1 :: every] = ord("?")
        return VisionTokens(tier, len(cells), self.fingerprint, cells.tobytes())

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        for token in tokens:
            if token.fingerprint != self.fingerprint:
                raise FingerprintError(f"written by {token.fingerprint}")
        self.read_pages += len(tokens)
        read = [np.frombuffer(token.data, np.uint16) for token in tokens]
        return [ReadCells(ids, np.where(ids == ord("?"), 0.2, 0.99)) for ids in read]


def plain_codec(lost: dict[Tier, int] | None = None) -> PageCodec:
    reader = PlainReader(lost or {})
    return PageCodec(PlainRenderer(), reader, reader)
