"""Corrections: what the tokens of a page misread, named when the page is written.

Every page is read once when it is written. Cells that must come back are named with their symbol
where they read wrong, or right with less than `MARGIN` probability, because another machine or
number format may read those otherwise. Other cells that read wrong are named as doubtful, so that
no reader takes them for certain. A digest of the text proves on the reader's side that nothing else
was misread; where it fails, the text is marked, not guessed.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from optimem.omem.correction_coding import pack_numbers, unpack_numbers
from optimem.protocols import ReadCells, Reading

MARGIN = 0.8
"""Probability below which a cell that read right is named all the same. Of cells that bf16, fp32
and other instruction sets read differently, none was seen with a probability above 0.7
(`python -m benchmarks.exactness`)."""
NEAR = 0.05
"""How much less probable than `uncertain` a wrong cell may read and still be named as doubtful: on
another machine it may seem certain. A right cell as near to it may read wrong there, and seem
certain."""
DISTRUST = 0.95
"""Probability below which a character is marked where the digest of an exact text fails."""
DIGEST = 8
"""Bytes of a text's digest."""
_DOUBTFUL = -1


@dataclass(frozen=True, eq=False)
class Corrections:
    """`cells` (N,) int64, increasing; `symbols` (N,) int64: what each shows, or −1 for a cell that
    is only known to be doubtful."""

    cells: NDArray[np.int64]
    symbols: NDArray[np.int64]

    def apply(self, read: ReadCells) -> ReadCells:
        """A reading with its named cells certain, or doubtful."""
        ids, probability = read.ids.copy(), read.probability.astype(np.float32)
        ids[self.cells[self.named]] = self.symbols[self.named]
        probability[self.cells] = self.named
        return ReadCells(ids, probability)

    @property
    def named(self) -> NDArray[np.bool_]:
        """Which of its cells are named with their symbol, rather than doubtful."""
        named: NDArray[np.bool_] = self.symbols != _DOUBTFUL
        return named

    def pack(self, size: int) -> bytes:
        """As bytes, for a page of `size` cells; nothing for none."""
        return pack_numbers(self.cells, self.symbols - _DOUBTFUL, size)

    @classmethod
    def unpack(cls, data: bytes, size: int) -> Self:
        """The inverse of `pack`. Raises ValueError for bytes that are not of such a page."""
        cells, numbers = unpack_numbers(data, size)
        return cls(cells, numbers + _DOUBTFUL)


def find_corrections(
    drawn: ReadCells, read: ReadCells, kept: NDArray[np.bool_] | None, uncertain: float
) -> Corrections:
    """What a page needs beside its tokens.

    `drawn`: its cells, and how certain each was before it was drawn: 1 but for a page that was read
    from another one. `read`: its cells as its tokens read. `kept` (cells,): those that must come
    back, as far as they were certain, and with them all that read right by a hair; None if nothing
    must. `uncertain`: probability below which a reader marks.
    """
    wrong = read.ids != drawn.ids
    wavering = ~wrong & (np.abs(read.probability - uncertain) < NEAR)
    must = np.zeros_like(wrong) if kept is None else kept | wavering
    exact = must & (drawn.probability >= MARGIN)
    named = exact & (wrong | (read.probability < MARGIN))
    misleading = ~exact & (wrong | (drawn.probability < uncertain))
    doubtful = misleading & (read.probability >= uncertain - NEAR)
    cells = np.flatnonzero(named | doubtful)
    symbols = np.where(named, drawn.ids.astype(np.int64), _DOUBTFUL)[cells]
    return Corrections(cells, symbols)


def text_digest(text: str) -> bytes:
    """Eight bytes that prove that a text was read exactly."""
    return hashlib.blake2b(text.encode(), digest_size=DIGEST).digest()


def proven(reading: Reading, digest: bytes, complete: bool) -> tuple[Reading, bool]:
    """A reading, certain if the digest proves it, and whether it does. `complete`: every cell was
    kept, so that a failing digest means that something else was misread: what is less than
    `DISTRUST` probable, and the least probable character, then count as unread."""
    if text_digest(reading.text) == digest:
        return replace(reading, probability=np.ones_like(reading.probability)), True
    if complete and reading.text:
        distrusted = reading.probability < DISTRUST
        distrusted[reading.probability.argmin()] = True
        probability = np.where(distrusted, 0, reading.probability).astype(np.float32)
        return replace(reading, probability=probability), False
    return reading, False
