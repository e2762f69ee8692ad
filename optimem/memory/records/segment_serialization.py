"""The head and the blocks of a segment to bytes and back: columns of numbers in byte planes, under
zstd, hidden under the store's secret, as the words of a page are.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimem.memory.records.index_serialization import from_planes, planes
from optimem.memory.records.records import PageKey, Position
from optimem.memory.records.segments import FILTERED, Block, Segment, SegmentHead
from optimem.memory.records.term_filter import term_filter
from optimem.memory.records.word_secret import pack_hidden, unpack_hidden, word_secret
from optimem.omem.container import (
    ContainerKind,
    compress,
    decompress,
)
from optimem.protocols import Store

_HEAD, _BLOCK = struct.Struct("<IIIQ"), struct.Struct("<I")
_FILTER = b"\0"
"""Between the names of pages and the filter."""

Layout = Sequence[tuple[int, type[np.generic]]]


def pack_block(block: Block, place: bytes, secret: bytes) -> bytes:
    """A block as bytes: gaps between terms, between the rows of a term, and counts."""
    same = np.diff(block.term, prepend=block.term[:1] - np.uint32(1)) == 0
    before = np.concatenate([np.zeros(1, np.uint32), block.row[:-1]])
    columns = [
        np.diff(block.term, prepend=np.uint32(0)),
        block.row - np.where(same, before, np.uint32(0)),
        block.count,
    ]
    section = _BLOCK.pack(len(block.term)) + compress(b"".join(map(planes, columns)))
    return pack_hidden(ContainerKind.BLOCK, section, place, secret)


def unpack_block(data: bytes, place: bytes, secret: bytes | None) -> Block:
    """The block. Raises FormatError, VersionError or ChecksumError."""
    with unpack_hidden(ContainerKind.BLOCK, data, place, secret) as section:
        (count,) = _BLOCK.unpack_from(section)
        layout: Layout = [(count, np.uint32), (count, np.uint32), (count, np.uint16)]
        gaps, rows, counts = parse_columns(decompress(section[_BLOCK.size :]), layout)
        total = np.cumsum(rows, dtype=np.int64)
        first = np.flatnonzero((gaps != 0) | (np.arange(count) == 0))  # rows of each term
        sizes = np.diff(first, append=count)
        row = total - np.repeat(total[first] - rows[first], sizes)
        return Block(np.cumsum(gaps, dtype=np.uint32), row.astype(np.uint32), counts)


def pack_head(
    segment: Segment, blocks: Sequence[Block], size: int, place: bytes, secret: bytes
) -> bytes:
    """The head of a segment as bytes: its rows, the first terms of its blocks, its pages, and a
    filter of its terms. `size`: bytes of the blocks."""
    index = segment.index
    names = "\n".join(key.id for key in segment.pages).encode()
    columns = [
        np.bincount(segment.page, minlength=len(segment.pages)).astype(np.uint32),
        np.diff([key.position.sequence for key in segment.pages], prepend=0),
        np.array([key.position.offset for key in segment.pages], np.uint32),
        np.array([block.term[0] for block in blocks], np.uint32),
        np.diff(index.sequence, prepend=0),
        index.length,
        np.diff(index.time, prepend=0),
    ]
    sizes = _HEAD.pack(len(segment.pages), len(index.sequence), len(blocks), size)
    if len(blocks) >= FILTERED:
        names += _FILTER + term_filter(np.unique(index.term))
    section = sizes + compress(b"".join(map(planes, columns)) + names)
    return pack_hidden(ContainerKind.SEGMENT, section, place, secret)


def unpack_head(data: bytes, place: bytes, secret: bytes | None) -> SegmentHead:
    """The head. Raises FormatError, VersionError or ChecksumError."""
    with unpack_hidden(ContainerKind.SEGMENT, data, place, secret) as section:
        pages, rows, blocks, size = _HEAD.unpack_from(section)
        layout: Layout = [
            (pages, np.uint32), (pages, np.int64), (pages, np.uint32), (blocks, np.uint32),
            (rows, np.int64), (rows, np.uint32), (rows, np.int64),
        ]  # fmt: skip
        flat = decompress(section[_HEAD.size :])
        end = sum(count * np.dtype(dtype).itemsize for count, dtype in layout)
        held, sequences, offsets, starts, *columns = parse_columns(flat[:end], layout)
        rest, _, filter = flat[end:].partition(_FILTER)
        names = rest.decode().split("\n")
        places = zip(np.cumsum(sequences).tolist(), offsets.tolist(), strict=True)
        sequence, length, time = columns
        if held.sum() != rows:
            raise ValueError(f"{held.sum()} rows of pages are not {rows}")
        return SegmentHead(
            tuple(PageKey(Position(*at), name) for at, name in zip(places, names, strict=True)),
            np.repeat(np.arange(pages), held),
            np.cumsum(sequence, dtype=np.int64),
            length,
            np.cumsum(time, dtype=np.int64),
            starts,
            size,
            filter,
        )


def head_reader(store: Store) -> Callable[[bytes, bytes], SegmentHead]:
    """`unpack_head` of bytes and their place, for a store's own segments."""
    return lambda data, place: unpack_head(data, place, word_secret(store))


def block_reader(store: Store) -> Callable[[bytes, bytes], Block]:
    """`unpack_block`, in the same way."""
    return lambda data, place: unpack_block(data, place, word_secret(store))


def parse_columns(flat: bytes, layout: Layout) -> list[NDArray[Any]]:
    """Columns from their planes. Raises ValueError for too many bytes or too few."""
    columns, at = list[NDArray[Any]](), 0
    for count, dtype in layout:
        size = count * np.dtype(dtype).itemsize
        columns.append(from_planes(flat[at : at + size], dtype, count))
        at += size
    if at != len(flat):
        raise ValueError(f"{len(flat)} bytes are not the {at} of its columns")
    return columns
