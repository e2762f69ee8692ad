"""Any code point in two cells, or three beyond U+FFFF: a lead and continuations, a byte each.

A code symbol shows its byte as 2 × 4 blocks, filled or empty, above two blocks that tell leads,
continuations and planes' leads apart. Any two differ in a tenth of the cell's ink, more than
letters do, on every tier. A lead takes as many continuations as its code has, and they have no
symbol in common, so that a misread cell never garbles what follows. Kana are spelled so as well.
"""

from hashlib import blake2b
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from optimem.protocols import REPLACEMENT, Cells, ReadCells, Reading
from optimem.renderers.alphabet import COMMON, TEXT, Alphabet, code_points, is_wide, tail
from optimem.renderers.spelling import CELL_HEIGHT, CELL_WIDTH, atlas

PLANES = 16
"""Planes of Unicode beyond the first."""

LEADS = tuple(f"<lead {byte:02x}>" for byte in range(256))
CONTINUATIONS = tuple(f"<continuation {byte:02x}>" for byte in range(256))
PLANE_LEADS = tuple(f"<plane {plane:x}>" for plane in range(1, PLANES + 1))
CODE = (*LEADS, *CONTINUATIONS, *PLANE_LEADS)
"""The code symbols. A code point of the first plane is a lead with its high byte and a
continuation with its low one; of another, the plane's lead and two continuations."""

LONGEST_CODE = 3
"""Cells."""

BLOCK_ROWS = (0, 3, 6, 9, 12, 16)
"""Where the blocks of a code symbol begin and end: four rows for the byte, one for its kind."""
LEAD, CONTINUATION, PLANE_LEAD = (True, False), (False, True), (True, True)
"""The last two blocks of a code symbol."""

Tile = NDArray[np.uint8]
"""(16, 8) ink, 255 is full."""


class Codes:
    """A `Spelling`. Code symbols have the highest ids, from `lead` on."""

    def __init__(self) -> None:
        kept = [place for place, char in enumerate(tail()) if not is_wide(char)]
        characters = [tail()[place] for place in kept]
        self.alphabet = Alphabet((*TEXT, *characters, *CODE), len(TEXT))
        shipped = atlas()[[*range(len(TEXT)), *(len(COMMON) + place for place in kept)]]
        self.tiles = np.concatenate((shipped, code_tiles()))
        self.lead, self.continuation, self.plane = (
            self.alphabet.id(first) for first in (LEADS[0], CONTINUATIONS[0], PLANE_LEADS[0])
        )
        ids = np.arange(len(self.alphabet))
        self.continues: NDArray[np.bool_] = (ids >= self.continuation) & (ids < self.plane)
        """(V,) whether a symbol is a continuation."""
        self.needed = 2 * (ids >= self.plane) + 1 * ((ids >= self.lead) & (ids < self.continuation))
        """(V,) continuations that complete a symbol's code."""
        self.spoken: NDArray[np.bool_] = (self.alphabet.characters > 0) | (ids >= self.lead)
        """(V,) whether a symbol is text, and not a role mark."""
        content = "\n".join(self.alphabet.symbols).encode() + self.tiles.tobytes()
        self.version = f"dense-2-{blake2b(content, digest_size=6).hexdigest()}"

    def cells(self, text: str) -> Cells:
        """See `Spelling`."""
        return self.spell(code_points(text))

    def spell(self, codes: NDArray[np.uint32]) -> NDArray[np.uint16]:
        """The ids of the symbols that spell code points, in order."""
        ids = self.alphabet.lookup(codes)
        coded, beyond = ids == len(self.alphabet), codes > 0xFFFF
        length = 1 + coded + (coded & beyond)
        start = length.cumsum() - length
        cells = np.empty(int(length.sum()), np.uint16)
        cells[start] = ids
        first, rest = start[coded & ~beyond], codes[coded & ~beyond]
        cells[first], cells[first + 1] = self.lead + (rest >> 8), self.continuation + (rest & 255)
        first, rest = start[coded & beyond], codes[coded & beyond]
        cells[first] = self.plane + (rest >> 16) - 1
        cells[first + 1] = self.continuation + (rest >> 8 & 255)
        cells[first + 2] = self.continuation + (rest & 255)
        return cells

    def split(self, cells: Cells, room: int) -> int:
        """See `Spelling`."""
        for end in range(room, max(room - LONGEST_CODE, -1), -1):
            if not self.continues[cells[end]]:
                return end
        return room

    def tile_numbers(self, cells: Cells) -> NDArray[np.int64]:
        """See `Spelling`."""
        return cells.astype(np.int64)

    def read(self, read: ReadCells) -> Reading:
        """See `Spelling`."""
        if not len(read.ids) or read.ids.max() < self.lead:
            return self._read_plain(read)
        ids, continues = read.ids.astype(np.int64), self.continues[read.ids]
        place = np.arange(len(ids))
        head = np.maximum.accumulate(np.where(continues, -1, place))
        needed = np.where(head < 0, 0, self.needed[ids[head]])
        behind = place - head  # cells after the last that is not a continuation
        starts = np.flatnonzero(np.where(continues, behind == needed + 1, self.spoken[ids]))
        complete, codes = self._codes(ids, starts)
        sure = np.where(complete, self._least(read.probability, starts, needed[starts]), 0)
        text = np.where(complete, codes, ord(REPLACEMENT)).astype("<u4").tobytes()
        return Reading(text.decode("utf-32-le", "surrogatepass"), sure.astype(np.float32), starts)

    def _read_plain(self, read: ReadCells) -> Reading:
        """Cells without any code symbol, which most texts are: a character each."""
        starts = np.flatnonzero(self.spoken[read.ids])
        text = self.alphabet.characters[read.ids[starts]].astype("<u4").tobytes()
        sure = read.probability[starts].astype(np.float32)
        return Reading(text.decode("utf-32-le", "surrogatepass"), sure, starts)

    def _codes(
        self, ids: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Whether a character is complete where one starts, and its code point if it is."""
        first = ids[starts]
        padded = np.concatenate((ids, [0, 0]))  # a space continues nothing
        second, third = padded[starts + 1], padded[starts + 2]
        needed = self.needed[first]
        low, lowest = second - self.continuation, third - self.continuation
        coded = np.where(
            needed == 2,
            (first - self.plane + 1 << 16) + (low << 8) + lowest,
            (first - self.lead << 8) + low,
        )
        complete = (needed < 1) | self.continues[second]
        complete &= (needed < 2) | self.continues[third]
        complete &= ~self.continues[first]
        coded = np.where(complete & (needed > 0), coded, 0)
        complete &= (needed == 0) | (self.alphabet.lookup(coded) == len(self.alphabet))
        return complete, np.where(needed > 0, coded, self.alphabet.characters[first])

    @staticmethod
    def _least(
        probability: NDArray[np.float32], starts: NDArray[np.int64], needed: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """The least probability of the cells of each character."""
        padded = np.concatenate((probability, np.ones(2, np.float32)))
        least = padded[starts]
        for behind in (1, 2):
            least = np.where(needed >= behind, np.minimum(least, padded[starts + behind]), least)
        return least


def code_tiles() -> list[Tile]:
    """Tiles of the code symbols, in the order of their ids."""
    planes = [_far_apart(plane) for plane in range(PLANES)]
    kinds = ((LEAD, range(256)), (CONTINUATION, range(256)), (PLANE_LEAD, planes))
    return [_blocks(byte, kind) for kind, numbers in kinds for byte in numbers]


def _blocks(byte: int, kind: tuple[bool, bool]) -> Tile:
    """A tile with a byte's bits as blocks, the highest at the top left, and its kind below."""
    bits = [*(bool(byte >> bit & 1) for bit in reversed(range(8))), *kind]
    tile = np.zeros((CELL_HEIGHT, CELL_WIDTH), np.uint8)
    for row, (top, bottom) in enumerate(pairwise(BLOCK_ROWS)):
        tile[top:bottom, : CELL_WIDTH // 2] = 255 * bits[2 * row]
        tile[top:bottom, CELL_WIDTH // 2 :] = 255 * bits[2 * row + 1]
    return tile


def _far_apart(number: int) -> int:
    """The number-th of 16 bytes that differ from one another in four bits (a Hamming code), none
    of them all filled or all empty."""
    a, b, c, d = (number >> bit & 1 for bit in range(4))
    parity = (a ^ b ^ c) << 4 | (a ^ b ^ d) << 5 | (a ^ c ^ d) << 6 | (b ^ c ^ d) << 7
    return (number | parity) ^ 1
