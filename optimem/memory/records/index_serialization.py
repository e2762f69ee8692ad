"""The words of a page to bytes and back: columns of numbers in byte planes, under zstd, hidden
under the store's secret. Items store theirs in the same way.
"""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimem.memory.records.page_index import PageIndex
from optimem.memory.records.word_secret import pack_hidden, unpack_hidden, word_secret
from optimem.omem.container import (
    ContainerKind,
    compress,
    decompress,
)
from optimem.protocols import Store

_SIZES = struct.Struct("<II")
MANY = 10_000
"""Numbers from which on it takes less time to look at their planes one by one."""


def pack_index(index: PageIndex, place: bytes, secret: bytes) -> bytes:
    """An index entry as bytes. `secret`: see `word_secret`."""
    return pack_hidden(ContainerKind.INDEX, index_section(index), place, secret)


def unpack_index(data: bytes, place: bytes, secret: bytes | None) -> PageIndex:
    """The index entry. Raises FormatError, VersionError or ChecksumError."""
    with unpack_hidden(ContainerKind.INDEX, data, place, secret) as section:
        return parse_index(section)


def index_reader(store: Store) -> Callable[[bytes, bytes], PageIndex]:
    """`unpack_index` of bytes and their place, for a store's own indexes."""
    return lambda data, place: unpack_index(data, place, word_secret(store))


def index_section(index: PageIndex) -> bytes:
    """An index entry as a section: rows and postings, 4 bytes each; then, under zstd, gaps between
    sorted hashes and the other columns, in byte planes; the times last, if any is known."""
    columns = [
        np.diff(index.sequence, prepend=0),
        index.length,
        np.diff(index.term, prepend=np.uint32(0)),
        index.row.astype(np.uint16),  # a page has fewer spans than 65,536
        index.count,
        *([np.diff(index.time, prepend=0)] if index.time.any() else []),
    ]
    sizes = _SIZES.pack(index.sequence.size, index.term.size)
    return sizes + compress(b"".join(map(planes, columns)))


def parse_index(section: bytes) -> PageIndex:
    """The inverse of `index_section`. Raises ValueError or struct.error for anything else."""
    rows, postings = _SIZES.unpack_from(section)
    layout: list[tuple[int, type[np.generic]]] = [(rows, np.int64), (rows, np.uint32)]
    layout += [(postings, np.uint32), (postings, np.uint16), (postings, np.uint16)]
    columns, at, flat = [], 0, decompress(section[_SIZES.size :])
    timed = len(flat) > sum(count * np.dtype(dtype).itemsize for count, dtype in layout)
    layout += [(rows, np.int64)] if timed else []
    for count, dtype in layout:
        size = count * np.dtype(dtype).itemsize
        columns.append(from_planes(flat[at : at + size], dtype, count))
        at += size
    sequence, length, term, row, counts, *time = columns
    if at != len(flat) or (row >= rows).any():
        raise ValueError(f"{len(flat)} bytes are not {rows} rows and {postings} postings")
    return PageIndex(
        np.cumsum(sequence, dtype=np.int64),
        length,
        np.cumsum(term, dtype=np.uint32),
        row.astype(np.uint32),
        counts,
        np.cumsum(time[0] if time else np.zeros(rows), dtype=np.int64),
    )


def planes(array: NDArray[Any]) -> bytes:
    """Little-endian numbers with all first bytes together, then all second ones, …: the high
    bytes of small numbers are then one run of zeros."""
    plain = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return plain.view(np.uint8).reshape(-1, array.dtype.itemsize).T.tobytes()


def from_planes(data: bytes, dtype: type[np.generic], count: int) -> NDArray[Any]:
    """The inverse of `planes` for `count` numbers. Raises ValueError for other data. Of many
    numbers, planes of zeros are passed over, which are most of those of small numbers."""
    width = np.dtype(dtype).itemsize
    rows = np.frombuffer(data, np.uint8).reshape(width, count)
    if count < MANY:
        plain = np.ascontiguousarray(rows.T).view(np.dtype(dtype).newbyteorder("<"))
        return plain.ravel().astype(dtype)
    found = np.zeros(count, f"u{width}")
    for at, row in enumerate(rows):
        if row.any():
            found |= row.astype(found.dtype) << found.dtype.type(8 * at)
    return found.view(dtype)
