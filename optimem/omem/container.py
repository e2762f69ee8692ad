"""The one byte format of everything optimem stores: sections in a container.

    container   magic "OMEM" · format version (1 byte) · kind (1 byte) · sections · checksum
    section     its length in bytes (LEB128) · its bytes
    checksum    8 bytes of BLAKE2b over all that precedes it, keyed with the place it is kept in

The place of a record is its scope and key, so that none is ever taken for another; a file has no
place. The checksum comes last, so that a long file can be written section by section. Bytes that
are read here either parse or raise FormatError, VersionError, ChecksumError or, for what a sealed
store could not open, MissingKeyError, whatever they are.
Knows nothing of what the sections hold.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

import zstandard
from pydantic import TypeAdapter, ValidationError

from optimem.errors import (
    ChecksumError,
    FormatError,
    InputError,
    MissingKeyError,
    VersionError,
)

MAGIC = b"OMEM"
CHECKSUM = 8  # bytes

ZSTD_DENSE, ZSTD_FAST = 19, 3
"""zstd levels: for what is written once and kept, and for what is often replaced."""
MAX_DECOMPRESSED = 1 << 30
"""Bytes that a section may decompress to. SQLite and Redis hold no larger values."""

_HEAD = struct.Struct("<4sB1s")  # magic, version, kind
_OLD_RECORD = b"Om\x01"  # how records of version 1 began
_BLOCK = 1 << 20  # bytes hashed at a time
_MAX_SHIFT = 56  # of the last seven bits of a length
_PARSE_ERRORS = (
    InputError,
    ValueError,  # also broken UTF-8, broken JSON and JSON that does not fit its schema
    TypeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    struct.error,
    zstandard.ZstdError,
)

Schema = TypeVar("Schema")


class ContainerKind(Enum):
    """What a container holds: a byte that is stored, a name for messages, and the version of its
    format.

    Versions 1 and 2 were several formats, for records, texts and images; pages and text files of
    version 3 had no corrections. No code reads them.
    """

    PAGE = b"P", "a page", 4
    CHUNK = b"C", "a chunk of the tail"
    STATE = b"S", "the state of a scope"
    INDEX = b"I", "the index of a page"
    VECTORS = b"v", "the vectors of a page"
    VECTOR_SEGMENT = b"w", "the vectors of many pages"
    SEGMENT = b"g", "a segment of the index"
    BLOCK = b"b", "a block of a segment"
    STAMP = b"c", "the stamp of a scope"
    TURN_NUMBER = b"N", "the number of a turn"
    IMAGE = b"m", "the vision tokens of an image"
    TOMBSTONE = b"G", "a tombstone"
    SENT = b"s", "what was recalled for a message"
    DIGEST = b"D", "what a model wrote of turns"
    ITEM = b"V", "an item"
    MARK = b"M", "the mark of an item"
    SEALED = b"e", "sealed bytes"
    SECRET = b"k", "the secret of a store"
    NANO_TOKENS = b"n", "a page of optimem-nano"
    DEEPSEEK_TOKENS = b"d", "a page of DeepSeek-OCR"
    RULED_PAGE = b"r", "a ruled page of DeepSeek-OCR"
    TOKEN_FILE = b"t", "a text (`optimem.read_pages` reads it)", 4
    IMAGE_ARCHIVE = b"i", "images (`optimem.read_images` reads them)"
    SHARD = b"h", "documents of a corpus (`optimem.Corpus` reads them)"
    SHARD_INDEX = b"H", "the index of a corpus's documents"

    def __init__(self, code: bytes, label: str, version: int = 3) -> None:
        self.code, self.label, self.version = code, label, version


_KINDS = {kind.code: kind for kind in ContainerKind}

LOCKED = _HEAD.pack(MAGIC, 3, b"l")
"""What a sealed store gives for bytes whose key it does not have: reading them says so."""
TAMPERED = _HEAD.pack(MAGIC, 3, b"x")
"""What a sealed store gives for bytes that its keys do not open: reading them says so."""


class Section(NamedTuple):
    """Where a section lies in a file, in bytes."""

    start: int
    size: int


def pack_container(kind: ContainerKind, sections: Iterable[bytes], place: bytes = b"") -> bytes:
    """`sections` as the bytes of a container. `place`: where it will be kept; it can be read
    nowhere else. Files have none."""
    body = b"".join((_head(kind), *(_length(section) + section for section in sections)))
    checksum = _hash(place)
    checksum.update(body)
    return body + checksum.digest()


@contextmanager
def unpack_container(
    kind: ContainerKind, data: bytes, name: str = "", place: bytes = b""
) -> Iterator[list[bytes]]:
    """The sections of a container, for a block that parses them: whatever goes wrong there is a
    FormatError. `name`: what messages call the bytes, default the kind's label. `place`: as in
    `pack_container`.

    Raises FormatError for other bytes or another kind, VersionError for another format version
    and ChecksumError for damaged bytes or another place.
    """
    places = find_sections(kind, BytesIO(data), name, place)
    with format_errors(name or kind.label):
        yield [data[start : start + size] for start, size in places]


class ContainerWriter:
    """Writes a container to a file, section by section; `finish` completes it."""

    def __init__(self, file: BinaryIO, kind: ContainerKind) -> None:
        self._file, self._hash = file, _hash()
        self._write(_head(kind))

    def add(self, section: bytes) -> None:
        """Write the next section."""
        self._write(_length(section))
        self._write(section)

    def finish(self) -> int:
        """Write the checksum; the size of the file in bytes."""
        self._file.write(self._hash.digest())
        return self._file.tell()

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)


def find_sections(
    kind: ContainerKind, file: BinaryIO, name: str = "", place: bytes = b""
) -> list[Section]:
    """Check all of a file and find its sections. Arguments and errors as `unpack_container`."""
    name = name or kind.label
    _check_head(file.read(_HEAD.size), kind, name)
    end = _check_sum(file, name, place)
    file.seek(0)
    _check_kind(file.read(_HEAD.size), kind, name)
    sections = []
    with format_errors(name):
        while file.tell() < end:
            size = _read_length(file)
            start = file.tell()
            if start + size > end:
                raise ValueError(f"a section of {size} bytes runs past the end")
            sections.append(Section(start, size))
            file.seek(start + size)
    return sections


def first_section(kind: ContainerKind, file: BinaryIO, name: str) -> Section:
    """The first section of a file, without a look at the others or the checksum of all: for files
    whose sections have checksums of their own. Raises FormatError or VersionError."""
    head = file.read(_HEAD.size)
    _check_head(head, kind, name)
    _check_kind(head, kind, name)
    with format_errors(name):
        size, start = _read_length(file), file.tell()
        if start + size > file.seek(0, 2):
            raise ValueError(f"a section of {size} bytes runs past the end")
        return Section(start, size)


def following_sections(first: Section, sizes: Iterable[int]) -> Iterator[Section]:
    """Where the sections after another one lie, given their sizes."""
    end = first.start + first.size
    for size in sizes:
        start = end + max(-(-size.bit_length() // 7), 1)  # the bytes of its length
        yield Section(start, size)
        end = start + size


@contextmanager
def open_container(path: Path) -> Iterator[BinaryIO]:
    """A file to read. Raises InputError if it cannot be opened or read."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def file_kind(path: Path) -> ContainerKind | None:
    """What a file holds by its first bytes; None if it is not a container of this version.
    Raises InputError if it cannot be opened."""
    with open_container(path) as file:
        return container_kind(file.read(_HEAD.size))


def container_kind(data: bytes) -> ContainerKind | None:
    """What bytes hold by the first of them; None if they are no container of this version."""
    head = data[: _HEAD.size]
    kind = _KINDS.get(head[-1:])
    return kind if kind and head == _head(kind) else None


@contextmanager
def format_errors(name: str) -> Iterator[None]:
    """Raise a FormatError about `name` for whatever goes wrong in a block that parses bytes."""
    try:
        yield
    except _PARSE_ERRORS as error:
        raise FormatError(
            f"{name} cannot be read ({_reason(error)}); it is not in optimem's format"
        ) from error


def compress(data: bytes, level: int = ZSTD_DENSE) -> bytes:
    """`data` under zstd; nothing for nothing. Raises InputError above `MAX_DECOMPRESSED`."""
    if len(data) > MAX_DECOMPRESSED:
        raise InputError(f"{len(data):,} bytes are more than {MAX_DECOMPRESSED:,}; split them")
    return zstandard.compress(data, level) if data else b""


def decompress(data: bytes) -> bytes:
    """The inverse of `compress`. Raises ValueError or ZstdError for anything else."""
    if not data:
        return b""
    size = zstandard.frame_content_size(data)
    if not 0 < size <= MAX_DECOMPRESSED:
        raise ValueError(f"a zstd frame declares a size of {size} bytes")
    return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)


def to_json(value: Any) -> bytes:
    """`value` as compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def from_json(schema: TypeAdapter[Schema], data: bytes) -> Schema:
    """The inverse of `to_json`: a value that fits `schema` without conversion. Raises ValueError,
    or RecursionError for JSON that is nested too deep."""
    return schema.validate_python(json.loads(data), strict=True)


def _head(kind: ContainerKind) -> bytes:
    return _HEAD.pack(MAGIC, kind.version, kind.code)


def _length(section: bytes) -> bytes:
    """The length of a section in LEB128: seven bits a byte, the lowest first."""
    rest, found = len(section), bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)


def _read_length(file: BinaryIO) -> int:
    length = 0
    for shift in range(0, _MAX_SHIFT + 1, 7):
        (byte,) = file.read(1)
        length |= (byte & 0x7F) << shift
        if byte <= 0x7F:
            return length
    raise ValueError("the length of a section is out of range")


def _check_head(head: bytes, wanted: ContainerKind, name: str) -> None:
    kind = _KINDS.get(head[-1:], wanted)
    if head.startswith(_OLD_RECORD):
        raise _version_error(name, 1, kind)
    if not MAGIC.startswith(head[: len(MAGIC)]):
        raise FormatError(
            f"{name} was not written by optimem: it starts with {head!r}; give an .omem file, or "
            "a store of optimem"
        )
    if head == LOCKED:
        raise MissingKeyError(
            f"{name} is sealed, and its key is not among those given; give that key too "
            "(OPTIMEM_KEY, OPTIMEM_KEY_FILE), or forget what was sealed with it if it was dropped"
        )
    if head == TAMPERED:
        raise ChecksumError(
            f"{name} was sealed, and then damaged, moved, or replaced by who had no key; restore "
            "it from a copy, or write it again"
        )
    if len(head) == _HEAD.size and head[len(MAGIC)] != kind.version:
        raise _version_error(name, head[len(MAGIC)], kind)


def _version_error(name: str, version: int, kind: ContainerKind) -> VersionError:
    remedy = (
        "upgrade optimem"
        if version > kind.version
        else "read it with the release that wrote it, and write its text again with this one"
    )
    return VersionError(
        f"{name} has format version {version}, this release reads {kind.version}; {remedy}"
    )


def _hash(place: bytes = b"") -> blake2b:
    """The checksum of a container for a place, before any bytes."""
    return blake2b(key=blake2b(place).digest() if place else b"", digest_size=CHECKSUM)


def _check_sum(file: BinaryIO, name: str, place: bytes) -> int:
    """Compare the checksum; where it starts."""
    end = left = file.seek(0, 2) - CHECKSUM
    found = _hash(place)
    file.seek(0)
    while left > 0 and (data := file.read(min(left, _BLOCK))):
        found.update(data)
        left -= len(data)
    if end < _HEAD.size or file.read() != found.digest():
        raise ChecksumError(
            f"{name} is damaged or cut short{', or was written elsewhere' if place else ''} (its "
            "checksum does not match); restore it from a copy, or write it again"
        )
    return end


def _check_kind(head: bytes, kind: ContainerKind, name: str) -> None:
    code = head[-1:]
    if code != kind.code:
        found = _KINDS[code].label if code in _KINDS else f"an unknown kind, {code!r}"
        raise FormatError(f"{name} holds {found}, not {kind.label}")


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return f"{type(error).__name__}: {error}"[:200]
