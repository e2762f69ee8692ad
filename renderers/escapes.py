"""The way that older weights spell: other characters as their code point between marks.

A character outside the alphabet is ESCAPE, its code point in hexadecimal, END. Kana take two
cells: their own symbol, which shows the left half, and WIDE, which shows the right half.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from optimem.protocols import REPLACEMENT, Cells, ReadCells, Reading
from optimem.renderers.alphabet import (
    COMMON,
    END,
    ESCAPE,
    MARKS,
    ROLE_MARKS,
    WIDE,
    Alphabet,
    code_points,
    is_wide,
    tail,
)
from optimem.renderers.spelling import atlas

HEX = "0123456789abcdef"
LONGEST_ESCAPE = 8
"""Cells of the longest escape: ESCAPE, six digits, END."""


class Escapes:
    """A `Spelling`."""

    def __init__(self) -> None:
        self.alphabet = Alphabet((*COMMON, *tail()), len(COMMON))
        self.tiles = atlas()
        symbols = self.alphabet.symbols
        self.wide: NDArray[np.bool_] = np.array([s not in MARKS and is_wide(s) for s in symbols])
        """(V,) whether a symbol is the left half of a wide character."""
        self.escape, self.end, self.right = map(self.alphabet.id, (ESCAPE, END, WIDE))
        self.silent = {self.alphabet.id(mark) for mark in ROLE_MARKS}
        self.special: NDArray[np.bool_] = self.wide.copy()
        """(V,) whether a symbol is not just a character."""
        self.special[[self.escape, self.end, self.right, *self.silent]] = True
        halves = np.flatnonzero(self.wide)
        self._right_half = np.zeros(len(symbols), np.int64)  # tile of each wide symbol
        self._right_half[halves] = len(symbols) + np.arange(len(halves))
        content = "\n".join(symbols).encode() + self.tiles.tobytes()
        self.version = f"dense-1-{blake2b(content, digest_size=6).hexdigest()}"

    def cells(self, text: str) -> Cells:
        """See `Spelling`."""
        ids = self.alphabet.lookup(code_points(text))
        wide = self.wide[np.minimum(ids, len(self.alphabet) - 1)]
        parts: list[Cells] = []
        start = 0
        for index in np.flatnonzero((ids >= len(self.alphabet)) | wide):
            parts += [ids[start:index], self._several_cells(text[index], int(ids[index]))]
            start = int(index) + 1
        return np.concatenate([*parts, ids[start:]]).astype(np.uint16)

    def split(self, cells: Cells, room: int) -> int:
        """See `Spelling`."""
        if cells[room] == self.right:
            return room - 1
        first = max(room - LONGEST_ESCAPE, 0)
        opened = np.flatnonzero(cells[first:room] == self.escape)
        if not len(opened):
            return room
        start = first + int(opened[-1])
        closed = (cells[start:room] == self.end).any()
        return room if closed else start

    def tile_numbers(self, cells: Cells) -> NDArray[np.int64]:
        """See `Spelling`."""
        tiles = cells.astype(np.int64)
        before = np.concatenate((np.zeros_like(tiles[..., :1]), tiles[..., :-1]), -1)
        halves = np.where(np.arange(tiles.shape[-1]) > 0, self._right_half[before], self.right)
        return np.where(tiles == self.right, halves, tiles)

    def read(self, read: ReadCells) -> Reading:
        """See `Spelling.read`."""
        if not self.special[read.ids].any():
            plain = "".join(map(self.alphabet.symbols.__getitem__, read.ids.tolist()))
            return Reading(plain, read.probability.astype(np.float32), np.arange(len(plain)))
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
        if symbol in (self.end, self.right):
            return REPLACEMENT, 1, False
        followed = index + 1 < len(ids) and ids[index + 1] == self.right
        return self.alphabet.symbols[symbol], 1 + followed, followed == self.wide[symbol]

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

    def _several_cells(self, char: str, index: int) -> Cells:
        """The cells of a character that takes more than one: wide, or escaped."""
        if index < len(self.alphabet):
            return np.array([index, self.right], np.uint16)
        spelled = (ESCAPE, *f"{ord(char):x}", END)
        return np.array(list(map(self.alphabet.id, spelled)), np.uint16)
