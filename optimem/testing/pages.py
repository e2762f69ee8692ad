"""A renderer and a model small enough to reason about.

`PlainRenderer` draws one character a cell, 40 × 10 cells a page. `PlainModel` stores the cells as
they are and misreads every so many of them on each tier: what is lost reads as "?", with a
probability of 0.2 where all else has 0.99.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from optimem.errors import ChecksumError
from optimem.protocols import (
    REPLACEMENT,
    Box,
    Cells,
    Page,
    PageCodec,
    ReadCells,
    Reading,
    VisionTokens,
    check_fingerprint,
)
from optimem.tiers import Tier
from optimem.turns import ROLES, Role

COLUMNS = 40
CAPACITY = 10 * COLUMNS
FIRST_MARK = 60_000
"""The symbol of the first role's mark; those of characters are their code points below it."""
LOST, LOST_PROBABILITY, PROBABILITY = ord("?"), 0.2, 0.99


@dataclass(frozen=True)
class PlainPage:
    """A `Page` whose image is blank."""

    cells: Cells

    def image(self, tier: Tier) -> NDArray[np.uint8]:
        """See `Page`."""
        return np.zeros((tier.value, tier.value), np.uint8)


class PlainRenderer:
    """A `Renderer` with a cell for each character below U+EA60, and one of a pixel."""

    version = "plain"
    capacity = CAPACITY

    def cells(self, text: str, role: Role | None = None) -> Cells:
        """See `Renderer`."""
        mark = [] if role is None else [FIRST_MARK + ROLES.index(role)]
        return np.array([*mark, *map(ord, text)], np.uint16)

    def split(self, cells: Cells, room: int) -> int:
        """See `Renderer`."""
        return min(len(cells), room)

    def text(self, read: ReadCells) -> Reading:
        """See `Renderer`."""
        kept = np.flatnonzero(read.ids < FIRST_MARK)
        points = read.ids[kept].astype("<u4")
        points[(points >= 0xD800) & (points < 0xE000)] = ord(REPLACEMENT)
        text = points.tobytes().decode("utf-32-le")
        return Reading(text, read.probability[kept].astype(np.float32), kept)

    def page(self, cells: Cells) -> Page:
        """See `Renderer`."""
        assert len(cells) <= self.capacity
        return PlainPage(cells)

    def box(self, cell: int, tier: Tier) -> Box:
        """See `Renderer`."""
        y, x = divmod(cell, COLUMNS)
        return Box(x, y, x + 1, y + 1)


@dataclass
class PlainModel:
    """An `Encoder` and `Decoder`. `lost`: of how many cells one is lost on a tier; none on a tier
    that is not there. `read_pages` counts the pages that were decoded."""

    lost: Mapping[Tier, int] = field(default_factory=dict)
    fingerprint: str = "plain-1"
    read_pages: int = 0
    capacity: int = CAPACITY

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        """See `Encoder`."""
        return [self._tokens(page.cells.copy(), tier) for page in pages]

    def _tokens(self, cells: Cells, tier: Tier) -> VisionTokens:
        every = self.lost.get(tier, 0)
        if every:
            cells[every - 1 :: every] = LOST
        return VisionTokens(tier, len(cells), self.fingerprint, cells.tobytes())

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        """See `Decoder`."""
        for page in tokens:
            check_fingerprint(page.fingerprint, self.fingerprint)
            if len(page.data) != 2 * page.cells or page.cells > self.capacity:
                raise ChecksumError(f"{len(page.data)} bytes are not {page.cells} cells of a page")
        self.read_pages += len(tokens)
        read = [np.frombuffer(page.data, np.uint16) for page in tokens]
        return [
            ReadCells(ids, np.where(ids == LOST, LOST_PROBABILITY, PROBABILITY)) for ids in read
        ]


def plain_codec(lost: Mapping[Tier, int] | None = None, *, capacity: int = CAPACITY) -> PageCodec:
    """A `PlainRenderer` and a `PlainModel`; `lost`: see there, default nothing on any tier.
    `capacity`: cells of a page, default 400."""
    renderer, model = PlainRenderer(), PlainModel(lost or {}, capacity=capacity)
    renderer.capacity = capacity
    return PageCodec(renderer, model, model)
