"""What a way of spelling text in cells offers to `DenseRenderer`, and the shipped tiles.

Two ways implement it: `codes`, which the shipped weights were trained with, and `escapes`, which
older weights read. Weights name the version of theirs.
"""

from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from optimem.protocols import Cells, ReadCells, Reading
from optimem.renderers.alphabet import Alphabet

CELL_WIDTH, CELL_HEIGHT = 8, 16
ATLAS_COLUMNS = 64
"""Tiles in a row of data/atlas.png."""


class Spelling(Protocol):
    """`version` changes whenever the same text gives other cells or other ink. `tiles`
    (T, 16, 8): ink, 255 is full; those of the alphabet's symbols come first."""

    alphabet: Alphabet
    version: str
    tiles: NDArray[np.uint8]

    def cells(self, text: str) -> Cells:
        """(N,) ids of the symbols that spell a text."""

    def split(self, cells: Cells, room: int) -> int:
        """The largest n ≤ `room` such that cells[:n] ends between characters; there are more than
        `room` cells."""

    def read(self, read: ReadCells) -> Reading:
        """The text that cells spell. What is left of a character reads as U+FFFD of
        probability 0."""

    def tile_numbers(self, cells: Cells) -> NDArray[np.int64]:
        """The tile that each cell of a page shows; of several pages if they are stacked."""


@cache
def atlas() -> NDArray[np.uint8]:
    """(T, 16, 8) ink of every symbol's tile, then of the right halves of the wide ones."""
    data = files("optimem.renderers").joinpath("data/atlas.png").read_bytes()
    image = np.asarray(Image.open(BytesIO(data)))
    rows = image.shape[0] // CELL_HEIGHT
    tiles = image.reshape(rows, CELL_HEIGHT, ATLAS_COLUMNS, CELL_WIDTH).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(tiles).reshape(-1, CELL_HEIGHT, CELL_WIDTH)
