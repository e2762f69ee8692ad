"""The dense style: fixed cells in reading order, for the embedded model.

A page is 160 × 80 cells of 8 × 16 px, drawn once at 1280 px; a lower tier shows the same page
scaled down by area averaging. Text flows through the cells without blank space, a newline is a
visible symbol, and every character has one box on every tier. At Trace the page has a small
margin, so that cells fall evenly into its 6 × 6 vision tokens.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from optimem.errors import InputError
from optimem.protocols import Box, Cells, ReadCells, Reading
from optimem.renderers.alphabet import Alphabet
from optimem.renderers.codes import Codes
from optimem.renderers.spelling import CELL_HEIGHT, CELL_WIDTH, Spelling
from optimem.tiers import Tier
from optimem.turns import Role

COLUMNS, ROWS = 160, 80
CAPACITY = COLUMNS * ROWS
MARGINS: dict[Tier, tuple[int, int]] = {Tier.TRACE: (1, 2)}
"""Blank columns on each side, and blank rows above and below, by tier; none elsewhere."""


@dataclass(frozen=True)
class DensePage:
    """One page. `cells`: (N,) symbol ids, N ≤ 12,800."""

    cells: Cells
    renderer: "DenseRenderer"

    def image(self, tier: Tier) -> NDArray[np.uint8]:
        """(S, S) ink, 0 is blank and 255 is full."""
        return self.renderer.draw(self.cells, tier)


class DenseRenderer:
    """Text to cells to pages, and back. `spelling`: how, by default as the shipped weights do."""

    capacity = CAPACITY

    def __init__(self, spelling: Spelling | None = None) -> None:
        self.spelling = spelling or Codes()
        self.alphabet: Alphabet = self.spelling.alphabet
        self.version = self.spelling.version

    def cells(self, text: str, role: Role | None = None) -> Cells:
        """(N,) ids of the symbols that spell `text`, after the role's mark if one is given."""
        spelled = self.spelling.cells(text)
        if role is None:
            return spelled
        return np.concatenate(([self.alphabet.role_mark(role)], spelled)).astype(np.uint16)

    def split(self, cells: Cells, room: int) -> int:
        """The largest n ≤ `room` such that cells[:n] ends between characters."""
        if len(cells) <= room:
            return len(cells)
        return self.spelling.split(cells, room)

    def text(self, read: ReadCells) -> Reading:
        """The text that cells spell, with the probability and first cell of each character."""
        return self.spelling.read(read)

    def page(self, cells: Cells) -> DensePage:
        """A page that shows these cells. Raises InputError if there are more than `capacity`."""
        if len(cells) > CAPACITY:
            raise InputError(f"{len(cells)} cells do not fit on a page of {CAPACITY}; split first")
        return DensePage(cells, self)

    def draw(self, cells: Cells, tier: Tier) -> NDArray[np.uint8]:
        """(S, S) ink of a page at a tier."""
        page = Image.fromarray(self._canvas(cells, tier))
        return np.asarray(page.resize((tier.value, tier.value), Image.Resampling.BOX))

    def box(self, cell: int, tier: Tier) -> Box:
        """Pixels of a cell on a tier's page image."""
        left, top, width, height = _grid(tier)
        x, y = cell % COLUMNS + left, cell // COLUMNS + top
        return Box(x * width, y * height, (x + 1) * width, (y + 1) * height)

    def _canvas(self, cells: Cells, tier: Tier) -> NDArray[np.uint8]:
        """The page at full size, with the margins of a tier."""
        full = np.zeros(CAPACITY, np.uint16)  # id 0 is a blank
        full[: len(cells)] = cells
        drawn = self.spelling.tiles[self.spelling.tile_numbers(full)]
        drawn = drawn.reshape(ROWS, COLUMNS, CELL_HEIGHT, CELL_WIDTH)
        page = drawn.transpose(0, 2, 1, 3).reshape(ROWS * CELL_HEIGHT, COLUMNS * CELL_WIDTH)
        columns, rows = MARGINS.get(tier, (0, 0))
        if not (columns or rows):
            return page
        return np.pad(page, ((rows * CELL_HEIGHT,) * 2, (columns * CELL_WIDTH,) * 2))


@cache
def _grid(tier: Tier) -> tuple[int, int, float, float]:
    """The cells left of a tier's first cell and above it, and the pixels of a cell."""
    columns, rows = canvas_cells(tier)
    return *MARGINS.get(tier, (0, 0)), tier.value / columns, tier.value / rows


def canvas_cells(tier: Tier) -> tuple[int, int]:
    """Columns and rows of a tier's page, margins included: a multiple of its token grid."""
    columns, rows = MARGINS.get(tier, (0, 0))
    return COLUMNS + 2 * columns, ROWS + 2 * rows


def box_shares(side: int, size: int) -> NDArray[np.float32]:
    """(size, side) the share that each of `side` pixels has in each of `size`, when `draw` scales
    a page down; both axes are scaled so, one after the other, and rounded after each."""
    identity = Image.fromarray(np.eye(side, dtype=np.float32))
    scaled = identity.resize((size, side), Image.Resampling.BOX)
    return np.ascontiguousarray(np.asarray(scaled).T)
