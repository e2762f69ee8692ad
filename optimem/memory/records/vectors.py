"""The vectors of a page: what stretches of it mean, in bits, and how near these are to a question.

Bits are hidden under the store's secret as words are, since a model can tell from them what a text
was about. Knows no embedding model.
"""

import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.records.index_serialization import from_planes, planes
from optimem.memory.records.word_secret import pack_hidden, unpack_hidden, word_secret
from optimem.omem.container import (
    ContainerKind,
    compress,
    decompress,
)
from optimem.protocols import Store

SHARE = 0.798
"""What a direction has in common with its own bits, on average: √(2 / π)."""

SAME = 0.9
"""The share of a sentence's bits from which on two models are one: servers round differently, and
those of two models agree in half of them."""

_SIZES = struct.Struct("<IIIB")
_BYTE_SIGNS = (
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32) * 2 - 1
)

Bits = NDArray[np.uint8]
"""Bits of texts, eight to a byte, (N, ⌈bits / 8⌉)."""
Vectors = NDArray[np.float32]


class ModelMark(NamedTuple):
    """By what a model is told: the values of its vectors, and the bits of one sentence."""

    width: int
    bits: bytes

    def same(self, other: "ModelMark") -> bool:
        """Whether both are of one model."""
        if self.width != other.width or len(self.bits) != len(other.bits):
            return False
        mine, theirs = (np.frombuffer(each.bits, np.uint8) for each in (self, other))
        differing = int(np.unpackbits(mine ^ theirs).sum())
        return differing <= (1 - SAME) * 8 * len(self.bits)


@dataclass(frozen=True, slots=True, eq=False)
class PageVectors:
    """The vectors of a page. `mark`: of the model that made them. `first`, `last` (S,) int64: the
    turns of each stretch. `bits` (S, W). `whole`: False if stretches were taken out since."""

    mark: ModelMark
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    bits: Bits
    whole: bool = True

    def without(self, numbers: Collection[int]) -> "PageVectors":
        """The same without stretches that hold any of these turns."""
        gone = np.zeros(len(self.first), bool)
        for number in numbers:
            gone |= (self.first <= number) & (number <= self.last)
        return self._of(~gone, self.whole and not gone.any())

    def of_turns(self, numbers: Collection[int]) -> "PageVectors":
        """The stretches that start with one of these turns."""
        return self._of(np.isin(self.first, list(numbers)), self.whole)

    def _of(self, kept: NDArray[np.bool_], whole: bool) -> "PageVectors":
        return PageVectors(self.mark, self.first[kept], self.last[kept], self.bits[kept], whole)


def cosines(bits: Bits, direction: Vectors) -> NDArray[np.float64]:
    """The cosines of stretches with a question, from a table of what each byte adds, (S,)."""
    table = _BYTE_SIGNS @ direction.reshape(-1, 8).T  # (256, W)
    total = np.zeros(len(bits))
    for at in range(bits.shape[1]):
        total += table[bits[:, at], at]
    size = max(int(np.count_nonzero(direction)), 1)
    near: NDArray[np.float64] = np.clip(total / (size**0.5 * SHARE), -1.0, 1.0)
    return near


def pack_vectors(vectors: PageVectors, place: bytes, secret: bytes) -> bytes:
    """Vectors as bytes. `secret`: see `word_secret`."""
    return pack_hidden(ContainerKind.VECTORS, _section(vectors), place, secret)


def unpack_vectors(data: bytes, place: bytes, secret: bytes | None) -> PageVectors:
    """The vectors. Raises FormatError, VersionError or ChecksumError."""
    with unpack_hidden(ContainerKind.VECTORS, data, place, secret) as section:
        return _parse(section)


def vectors_reader(store: Store) -> Callable[[bytes, bytes], PageVectors]:
    """`unpack_vectors` of bytes and their place, for a store's own vectors."""
    return lambda data, place: unpack_vectors(data, place, word_secret(store))


def _section(vectors: PageVectors) -> bytes:
    """Sizes, the model's mark and the bits as they are; then, under zstd, the turns' numbers."""
    count, width = vectors.bits.shape
    sizes = _SIZES.pack(count, width, vectors.mark.width, vectors.whole)
    turns = [np.diff(vectors.first, prepend=0), vectors.last - vectors.first]
    numbers = compress(b"".join(map(planes, turns)))
    return sizes + vectors.mark.bits + vectors.bits.tobytes() + numbers


def _parse(section: bytes) -> PageVectors:
    count, width, values, whole = _SIZES.unpack_from(section)
    start = _SIZES.size + width
    end = start + count * width
    numbers = decompress(section[end:])
    if len(section) < end or not width or len(numbers) != 16 * count:
        raise ValueError(f"{len(section)} bytes are not {count} vectors of {width} bytes")
    bits = np.frombuffer(section[start:end], np.uint8).reshape(count, width)
    first = np.cumsum(from_planes(numbers[: 8 * count], np.int64, count), dtype=np.int64)
    last = first + from_planes(numbers[8 * count :], np.int64, count)
    if (first < 0).any() or (last < first).any() or (np.diff(first) < 0).any():
        raise ValueError("stretches of turns that are in no order")
    mark = ModelMark(values, section[_SIZES.size : start])
    return PageVectors(mark, first, last, bits, bool(whole))
