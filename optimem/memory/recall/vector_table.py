"""The vectors of many pages as one table: how near turns are to a question, and which are nearest.

Sixty-four bits of a stretch are one number, so that the bits in which all stretches differ from a
question are counted in a few passes. Knows no embedding model.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.records.vectors import Bits, PageVectors, Vectors, cosines

NEAREST = 4096
"""Stretches whose cosines are told of a long table, of those with the fewest bits that differ."""
STRIP = 1 << 15
"""Stretches that are counted at a time: their bits fit a processor's cache."""
SAMPLE = 16
"""One in so many stretches tells about how many bits differ in the nearest."""


class Near(NamedTuple):
    """Turns that are near a question. `at` (n,): their places, ascending. `cosines` (n,)."""

    at: NDArray[np.int64]
    cosines: NDArray[np.float64]


class VectorTable:
    """Stretches of turns. `first`, `last` (S,): the turns of each. `words` (⌈W / 8⌉, S) uint64:
    bits, filled up with zeros. `width`: the bytes W of a stretch's bits."""

    def __init__(
        self,
        first: NDArray[np.int64],
        last: NDArray[np.int64],
        words: NDArray[np.uint64],
        width: int,
    ) -> None:
        self.first, self.last, self.words, self.width = first, last, words, width

    @classmethod
    def of(cls, pages: Sequence[PageVectors], width: int) -> "VectorTable":
        """The vectors of pages in reading order, all of one model."""
        sizes = [len(page.first) for page in pages]
        padded = np.zeros((sum(sizes), -(-width // 8) * 8), np.uint8)
        first, last = np.zeros((2, len(padded)), np.int64)
        start = 0
        for page, size in zip(pages, sizes, strict=True):
            part = slice(start, start + size)
            padded[part, :width] = page.bits
            first[part], last[part] = page.first, page.last
            start += size
        if (np.diff(first) < 0).any():  # a turn goes on over pages
            order = np.argsort(first, kind="stable")
            first, last, padded = first[order], last[order], padded[order]
        return cls(first, last, np.ascontiguousarray(padded.view(np.uint64).T), width)

    def __len__(self) -> int:
        return len(self.first)

    def cosines(self, turns: NDArray[np.int64], direction: Vectors) -> NDArray[np.float64]:
        """How near each of some `turns` (n,), by number, is to a question, as a cosine: that of its
        nearest stretch; -1 for a turn without any. `direction`: of the question."""
        start = np.searchsorted(self._reach, turns)
        sizes = np.maximum(np.searchsorted(self.first, turns, side="right") - start, 0)
        stretch, turn = _within(start, sizes)
        holds = self.last[stretch] >= turns[turn]
        stretch, turn = stretch[holds], turn[holds]
        found = np.full(len(turns), -1.0)
        wanted, which = np.unique(stretch, return_inverse=True)
        np.maximum.at(found, turn, self._near(wanted, direction)[which])
        return found

    def nearest(self, turns: NDArray[np.int64], direction: Vectors) -> Near:
        """The turns of the `NEAREST` stretches, or some more that differ in as many bits, by their
        places among all `turns` (T,)."""
        found = self._alike(direction)
        start = np.searchsorted(turns, self.first[found])
        sizes = np.searchsorted(turns, self.last[found], side="right") - start
        places, which = _within(start, sizes)
        at, into = np.unique(places, return_inverse=True)
        near = np.full(len(at), -1.0)
        np.maximum.at(near, into, self._near(found, direction)[which])
        return Near(at, near)

    def _alike(self, direction: Vectors) -> NDArray[np.int64]:
        """The stretches whose bits are most like a question's, ascending."""
        if len(self) <= NEAREST:
            return np.arange(len(self))
        differing = self._differing(np.packbits(direction > 0))
        some = np.sort(differing[::SAMPLE])
        found = np.flatnonzero(differing <= some[NEAREST // SAMPLE])
        return found[-4 * NEAREST :]

    def _differing(self, bits: Bits) -> NDArray[np.uint8]:
        """In how many bits each stretch differs, (S,)."""
        padded = np.zeros(8 * len(self.words), np.uint8)
        padded[: self.width] = bits
        total = np.zeros(len(self), np.uint8)
        for start in range(0, len(self), STRIP):
            part = slice(start, start + STRIP)
            for word, asked in zip(self.words, padded.view(np.uint64), strict=True):
                total[part] += np.bitwise_count(word[part] ^ asked)
        return total

    def _near(self, stretches: NDArray[np.int64], direction: Vectors) -> NDArray[np.float64]:
        bits = np.ascontiguousarray(self.words[:, stretches].T).view(np.uint8)
        return cosines(bits[:, : self.width], direction)

    @cached_property
    def _reach(self) -> NDArray[np.int64]:
        """The last turn of each stretch or of one before it."""
        return np.maximum.accumulate(self.last)


def _within(
    start: NDArray[np.int64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places in ranges of some `sizes`, and to which range each belongs."""
    which = np.repeat(np.arange(len(sizes)), sizes)
    at = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.repeat(start, sizes) + at, which
