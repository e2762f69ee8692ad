"""Stored bytes as sections in a frame: magic, format version, kind, checksum, sections.

Knows nothing of what the sections hold. A frame is format_errors whole or refused with a named
error.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from optimem.errors import ChecksumError, FormatError, InputError, VersionError

MAGIC = b"Om"
VERSION = 1
DENSEST = 19
"""zstd level for what is written once and kept."""

_HEAD = struct.Struct("<2sB1s8s")
_LENGTH = struct.Struct("<I")


def frame(kind: bytes, sections: Sequence[bytes]) -> bytes:
    """`sections` under a one-byte `kind`, each preceded by its length."""
    payload = b"".join(_LENGTH.pack(len(section)) + section for section in sections)
    return _HEAD.pack(MAGIC, VERSION, kind, _checksum(kind, payload)) + payload


def unframe(kind: bytes, data: bytes) -> list[bytes]:
    """The sections. Raises FormatError, VersionError or ChecksumError."""
    if len(data) < _HEAD.size:
        raise ChecksumError(f"{len(data)} bytes are too few for a stored entry; it was cut short")
    magic, version, found, checksum = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise FormatError(
            f"{data[:2]!r} does not start an optimem entry; was it written by optimem?"
        )
    if version != VERSION:
        raise VersionError(
            f"an entry has format version {version}, this optimem reads {VERSION}; "
            "install the optimem that wrote it"
        )
    if checksum != _checksum(found, data[_HEAD.size :]):
        raise ChecksumError(
            "an entry's checksum does not match; it is damaged, restore the store from a copy"
        )
    if found != kind:
        raise FormatError(f"an entry of kind {found!r} lies where one of kind {kind!r} belongs")
    return list(_sections(data))


@contextmanager
def format_errors(what: str) -> Iterator[None]:
    """Turn whatever goes wrong while taking sections apart into a FormatError."""
    try:
        yield
    except (
        InputError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        struct.error,
        zstandard.ZstdError,
    ) as error:
        raise FormatError(
            f"{what} cannot be format_errors ({error}); it is not optimem's"
        ) from error


def compress(data: bytes, level: int = DENSEST) -> bytes:
    """zstd, and nothing for nothing."""
    return zstandard.compress(data, level) if data else b""


def decompress(data: bytes) -> bytes:
    """The inverse of `compress`."""
    return zstandard.decompress(data) if data else b""


def planes(array: NDArray[Any]) -> bytes:
    """Little-endian numbers with all first bytes together, then all second ones, …: the high
    bytes of small numbers are then one run of zeros."""
    plain = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return plain.view(np.uint8).reshape(-1, array.dtype.itemsize).T.tobytes()


def from_planes(data: bytes, dtype: type[np.generic]) -> NDArray[Any]:
    """The inverse of `planes`."""
    size = np.dtype(dtype).itemsize
    rows = np.frombuffer(data, np.uint8).reshape(size, -1).T
    return np.ascontiguousarray(rows).view(np.dtype(dtype).newbyteorder("<")).ravel().astype(dtype)


def _checksum(kind: bytes, payload: bytes) -> bytes:
    return hashlib.blake2b(kind + payload, digest_size=8).digest()


def _sections(data: bytes) -> Iterator[bytes]:
    at = _HEAD.size
    while at < len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        yield data[at : at + length]
        at += length
