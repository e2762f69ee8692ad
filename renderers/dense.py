"""The dense style: fixed cells in reading order, for the embedded model.

A page is 160 × 80 cells of 8 × 16 px, drawn once at 1280 px; a lower tier shows the same page
scaled down by area averaging. Text flows through the cells without blank space, a newline is a
visible symbol, and every character has one box on every tier. At Trace the page has a small
margin, so that cells fall evenly into its 6 × 6 vision tokens.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from optimem.errors import InputError
from optimem.protocols import REPLACEMENT, Box, Cells, ReadCells, Reading
from optimem.renderers.alphabet import (
    END,
    ESCAPE,
    HEX,
    LONGEST_ESCAPE,
    ROLE_MARKS,
    WIDE,
    Alphabet,
    load_alphabet,
)
from optimem.tiers import Tier
from optimem.turns import Role

COLUMNS, ROWS = 160, 80
CELL_WIDTH, CELL_HEIGHT = 8, 16
CAPACITY = COLUMNS * ROWS
ATLAS_COLUMNS = 64
"""Tiles in a row of data/atlas.png."""

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
    """Text to cells to pages, and back."""

    capacity = CAPACITY

    def __init__(self) -> None:
        self.alphabet: Alphabet = load_alphabet()
        wide = np.flatnonzero(self.alphabet.wide)
        self._right_half = np.zeros(len(self.alphabet), np.int64)  # tile of each wide symbol
        self._right_half[wide] = len(self.alphabet) + np.arange(len(wide))
        self._wide_mark = self.alphabet.id(WIDE)
        self._reader = _CellReader(self.alphabet)
        content = "\n".join(self.alphabet.symbols).encode() + atlas().tobytes()
        self.version = f"dense-1-{blake2b(content, digest_size=6).hexdigest()}"

    def cells(self, text: str, role: Role | None = None) -> Cells:
        """(N,) ids of the symbols that spell `text`, after the role's mark if one is given."""
        ids = self.alphabet.lookup(text)
        wide = self.alphabet.wide[np.minimum(ids, len(self.alphabet) - 1)]
        parts: list[Cells] = [] if role is None else [_ids(self.alphabet.role_mark(role))]
        start = 0
        for index in np.flatnonzero((ids >= len(self.alphabet)) | wide):
            parts += [ids[start:index], self._several_cells(text[index], int(ids[index]))]
            start = int(index) + 1
        return np.concatenate([*parts, ids[start:]]).astype(np.uint16)

    def spelled(self, text: str) -> Cells:
        """The cells of characters that stand side by side."""
        return self.cells(text)

    def split(self, cells: Cells, room: int) -> int:
        """The largest n ≤ `room` such that cells[:n] ends between characters."""
        if len(cells) <= room:
            return len(cells)
        if cells[room] == self._wide_mark:
            return room - 1
        first = max(room - LONGEST_ESCAPE, 0)
        opened = np.flatnonzero(cells[first:room] == self.alphabet.id(ESCAPE))
        if not len(opened):
            return room
        start = first + int(opened[-1])
        closed = (cells[start:room] == self.alphabet.id(END)).any()
        return room if closed else start

    def text(self, read: ReadCells) -> Reading:
        """The text that cells spell, with the probability and first cell of each character."""
        if self._reader.special[read.ids].any():
            return self._reader.read(read)
        text = "".join(map(self.alphabet.symbols.__getitem__, read.ids.tolist()))
        return Reading(text, read.probability.astype(np.float32), np.arange(len(text)))

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
        columns, rows = canvas_cells(tier)
        left, top = MARGINS.get(tier, (0, 0))
        x, y = cell % COLUMNS + left, cell // COLUMNS + top
        width, height = tier.value / columns, tier.value / rows
        return Box(x * width, y * height, (x + 1) * width, (y + 1) * height)

    def _several_cells(self, char: str, index: int) -> Cells:
        """The cells of a character that takes more than one: wide, or escaped."""
        if index < len(self.alphabet):
            return _ids(index, self._wide_mark)
        return _ids(*map(self.alphabet.id, (ESCAPE, *f"{ord(char):x}", END)))

    def _canvas(self, cells: Cells, tier: Tier) -> NDArray[np.uint8]:
        """The page at full size, with the margins of a tier."""
        tiles = np.zeros(CAPACITY, np.int64)  # id 0 is a blank
        tiles[: len(cells)] = cells
        halves = np.flatnonzero(tiles == self._wide_mark)
        tiles[halves] = np.where(halves > 0, self._right_half[tiles[halves - 1]], self._wide_mark)
        drawn = atlas()[tiles].reshape(ROWS, COLUMNS, CELL_HEIGHT, CELL_WIDTH)
        page = drawn.transpose(0, 2, 1, 3).reshape(ROWS * CELL_HEIGHT, COLUMNS * CELL_WIDTH)
        columns, rows = MARGINS.get(tier, (0, 0))
        if not (columns or rows):
            return page
        return np.pad(page, ((rows * CELL_HEIGHT,) * 2, (columns * CELL_WIDTH,) * 2))


def canvas_cells(tier: Tier) -> tuple[int, int]:
    """Columns and rows of a tier's page, margins included: a multiple of its token grid."""
    columns, rows = MARGINS.get(tier, (0, 0))
    return COLUMNS + 2 * columns, ROWS + 2 * rows


@cache
def atlas() -> NDArray[np.uint8]:
    """(T, 16, 8) ink of every symbol's tile, then of the right halves of the wide ones."""
    data = files("optimem.renderers").joinpath("data/atlas.png").read_bytes()
    image = np.asarray(Image.open(BytesIO(data)))
    rows = image.shape[0] // CELL_HEIGHT
    tiles = image.reshape(rows, CELL_HEIGHT, ATLAS_COLUMNS, CELL_WIDTH).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(tiles).reshape(-1, CELL_HEIGHT, CELL_WIDTH)


class _CellReader:
    """Reads cells one character at a time, where looking symbols up is not enough."""

    def __init__(self, alphabet: Alphabet) -> None:
        self.alphabet = alphabet
        self.escape, self.end, self.wide = (alphabet.id(mark) for mark in (ESCAPE, END, WIDE))
        self.silent = {alphabet.id(mark) for mark in ROLE_MARKS}
        self.special: NDArray[np.bool_] = alphabet.wide.copy()
        """(V,) whether a symbol needs this reader."""
        self.special[[self.escape, self.end, self.wide, *self.silent]] = True

    def read(self, read: ReadCells) -> Reading:
        """See `DenseRenderer.text`."""
        text: list[str] = []
        probability: list[float] = []
        cell: list[int] = []
        ids, sure, index = read.ids.tolist(), read.probability.tolist(), 0
        while index < len(ids):
            char, length, valid = self._next(ids, index)
            if char:
                text.append(char)
                cell.append(index)
                probability.append(min(sure[index : index + length]) if valid else 0.0)
            index += length
        return Reading("".join(text), np.array(probability, np.float32), np.array(cell, np.int64))

    def _next(self, ids: list[int], index: int) -> tuple[str, int, bool]:
        """The character that starts at a cell, its number of cells, and whether it is valid."""
        symbol = ids[index]
        if symbol in self.silent:
            return "", 1, True
        if symbol == self.escape:
            return self._escaped(ids, index)
        if symbol in (self.end, self.wide):
            return REPLACEMENT, 1, False
        followed = index + 1 < len(ids) and ids[index + 1] == self.wide
        return self.alphabet.symbols[symbol], 1 + followed, followed == self.alphabet.wide[symbol]

    def _escaped(self, ids: list[int], index: int) -> tuple[str, int, bool]:
        for end in range(index + 1, min(index + LONGEST_ESCAPE, len(ids))):
            if ids[end] == self.end:
                break
        else:
            return REPLACEMENT, 1, False
        digits = "".join(self.alphabet.symbols[i] for i in ids[index + 1 : end])
        if not digits or not set(digits) <= set(HEX) or int(digits, 16) > 0x10FFFF:
            return REPLACEMENT, end + 1 - index, False
        return chr(int(digits, 16)), end + 1 - index, True


def _ids(*ids: int) -> Cells:
    return np.array(ids, np.uint16)
