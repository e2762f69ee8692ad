"""The vectors of many pages in one: a segment of vectors, to bytes and back.

What it says of a page counts alone: no page has vectors in two places. A page's own bits may be of
any model. Knows nothing of stores.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.records.index_serialization import planes
from optimem.memory.records.records import PageKey, Position
from optimem.memory.records.segment_serialization import Layout, parse_columns
from optimem.memory.records.vectors import ModelMark, PageVectors
from optimem.memory.records.word_secret import pack_hidden, unpack_hidden, word_secret
from optimem.omem.container import ContainerKind, compress, decompress
from optimem.protocols import Store

VectorSegment = Mapping[PageKey, PageVectors]
"""Vectors by page, in reading order."""

_SIZES, _MARK = struct.Struct("<IIIQ"), struct.Struct("<IB")


class _Columns(NamedTuple):
    """Of each page (P,): its stretches, place, model and whether it has all its vectors; of each
    stretch (S,): its first turn, and how many more it holds."""

    sizes: NDArray[Any]
    sequence: NDArray[Any]
    offset: NDArray[Any]
    mark: NDArray[Any]
    whole: NDArray[Any]
    first: NDArray[Any]
    more: NDArray[Any]


def pack_vector_segment(segment: VectorSegment, place: bytes, secret: bytes) -> bytes:
    """A segment of vectors as bytes. `secret`: see `word_secret`."""
    return pack_hidden(ContainerKind.VECTOR_SEGMENT, _section(segment), place, secret)


def unpack_vector_segment(data: bytes, place: bytes, secret: bytes | None) -> VectorSegment:
    """The segment. Raises FormatError, VersionError or ChecksumError."""
    with unpack_hidden(ContainerKind.VECTOR_SEGMENT, data, place, secret) as section:
        return _parse(section)


def vector_segment_reader(store: Store) -> Callable[[bytes, bytes], VectorSegment]:
    """`unpack_vector_segment` of bytes and their place, for a store's own segments."""
    return lambda data, place: unpack_vector_segment(data, place, word_secret(store))


def _section(segment: VectorSegment) -> bytes:
    """Sizes and marks as they are; then, under zstd, numbers and the names of pages; then bits."""
    keys, every = sorted(segment), [segment[key] for key in sorted(segment)]
    marks = list(dict.fromkeys(vectors.mark for vectors in every))
    first = np.concatenate([vectors.first for vectors in every])
    columns = _Columns(
        sizes=np.array([len(vectors.first) for vectors in every], np.uint32),
        sequence=np.diff([key.position.sequence for key in keys], prepend=0),
        offset=np.array([key.position.offset for key in keys], np.uint32),
        mark=np.array([marks.index(vectors.mark) for vectors in every], np.uint16),
        whole=np.array([vectors.whole for vectors in every], np.uint8),
        first=np.diff(first, prepend=0),
        more=np.concatenate([vectors.last for vectors in every]) - first,
    )
    names = "\n".join(key.id for key in keys).encode()
    numbers = compress(b"".join(map(planes, columns)) + names)
    sizes = _SIZES.pack(len(keys), len(first), len(marks), len(numbers))
    named = b"".join(_MARK.pack(mark.width, len(mark.bits)) + mark.bits for mark in marks)
    return sizes + named + numbers + b"".join(vectors.bits.tobytes() for vectors in every)


def _parse(section: bytes) -> VectorSegment:
    pages, stretches, kinds, size = _SIZES.unpack_from(section)
    marks, at = list[ModelMark](), _SIZES.size
    for _ in range(kinds):
        width, count = _MARK.unpack_from(section, at)
        at += _MARK.size + count
        marks.append(ModelMark(width, section[at - count : at]))
    columns, names = _parse_columns(decompress(section[at : at + size]), pages, stretches)
    keys = zip(np.cumsum(columns.sequence).tolist(), columns.offset.tolist(), names, strict=True)
    first = np.cumsum(columns.first)
    last = first + columns.more
    if (first < 0).any() or (columns.more < 0).any() or columns.sizes.sum() != stretches:
        raise ValueError("stretches of turns that are on no page")
    found, bits, start = dict[PageKey, PageVectors](), memoryview(section)[at + size :], 0
    for (sequence, offset, name), count, mark, whole in zip(
        keys, columns.sizes.tolist(), columns.mark.tolist(), columns.whole.tolist(), strict=True
    ):
        part, width = slice(start, start + count), len(marks[mark].bits)
        own = np.frombuffer(bits[: count * width], np.uint8).reshape(count, width)
        key = PageKey(Position(sequence, offset), name)
        found[key] = PageVectors(marks[mark], first[part], last[part], own, bool(whole))
        bits, start = bits[count * width :], start + count
    if len(bits) or len(found) != pages:
        raise ValueError(f"{len(bits)} bytes are vectors of no page")
    return found


def _parse_columns(flat: bytes, pages: int, stretches: int) -> tuple[_Columns, list[str]]:
    layout: Layout = [
        (pages, np.uint32), (pages, np.int64), (pages, np.uint32), (pages, np.uint16),
        (pages, np.uint8), (stretches, np.int64), (stretches, np.int64),
    ]  # fmt: skip
    end = sum(count * np.dtype(dtype).itemsize for count, dtype in layout)
    return _Columns(*parse_columns(flat[:end], layout)), flat[end:].decode().split("\n")
