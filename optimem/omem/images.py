"""The `.omem` file of images: scans and pages of PDFs as vision tokens, without the pixels.

Layout, little endian: magic `OMEM`, version 2 (u16), length of the header (u32), the header
(JSON: encoder, mode, packing), the pages one after another as an encoder packed them, the sizes
of the pages (JSON) and their length (u32), and a 16-byte BLAKE2b of all before it. What is not
known before the last page comes last, so that pages are written as they are made. Knows pages
as bytes only.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Self

from pydantic import BaseModel

from optimem.errors import ChecksumError, FormatError, InputError, VersionError
from optimem.omem.container import format_errors
from optimem.omem.text import CHECK, MAGIC, PICTURES, PREFIX

_LENGTH = struct.Struct("<I")
_TAIL = _LENGTH.size + CHECK
_CHUNK = 1 << 20  # bytes read at a time


class ImagesReport(BaseModel):
    """What compressing images came to.

    `encoder`: its fingerprint. `vision_tokens`: as the paper counts a mode's. `valid_tokens`:
    without those of the padding, as the paper counts modes that pad. `positions`: what the
    decoder pays, newlines and separators included. `source_bytes`: of the files that were given.
    `stored_bytes`: the whole file. `packing_error`: the root of the mean square by which packing
    changed these tokens, relative to theirs. `seconds`: opening, encoding and packing the pages.
    """

    encoder: str
    mode: str
    packing: str
    pages: int
    vision_tokens: int
    valid_tokens: int
    positions: int
    source_bytes: int
    stored_bytes: int
    packing_error: float
    seconds: float


class ImageArchiveWriter:
    """Writes pages as they come; `finish` ends the file. `encoder`, `mode`, `packing`: see
    `ImageArchive`."""

    def __init__(self, file: BinaryIO, *, encoder: str, mode: str, packing: str) -> None:
        self._file, self._check = file, blake2b(digest_size=CHECK)
        self._sizes: list[int] = []
        header = _json({"encoder": encoder, "mode": mode, "packing": packing})
        self._write(PREFIX.pack(MAGIC, PICTURES, len(header)) + header)

    def add(self, page: bytes) -> None:
        """Write the next page."""
        self._write(page)
        self._sizes.append(len(page))

    def finish(self) -> int:
        """Write what closes the file; its size in bytes."""
        sizes = _json(self._sizes)
        self._write(sizes + _LENGTH.pack(len(sizes)))
        self._file.write(self._check.digest())
        return self._file.tell()

    def _write(self, data: bytes) -> None:
        self._check.update(data)
        self._file.write(data)


@dataclass(frozen=True)
class ImageArchive:
    """A file of images on disk; a page is read when it is asked for. Make one with `open`.

    `encoder`: the fingerprint of the model that wrote it. `mode`: in which images were looked
    at. `packing`: how a value is kept, see `optimem.model.deepseek_ocr.stored.Packing`. `places`:
    first byte and bytes of each page.
    """

    path: Path
    encoder: str
    mode: str
    packing: str
    places: Sequence[tuple[int, int]]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Check a file, all of it, and read what it says of itself. Raises InputError if it cannot
        be opened, FormatError, VersionError or ChecksumError."""
        try:
            with path.open("rb") as file:
                header, sizes, start = _checked(file, path)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
        with format_errors(str(path)):
            starts = accumulate(sizes[:-1], initial=start)
            places = tuple(zip(starts, sizes, strict=True))
            return cls(path, header["encoder"], header["mode"], header["packing"], places)

    def page(self, index: int) -> bytes:
        """A page, from 0. Raises InputError for one that is not there."""
        self.check_page(index)
        start, size = self.places[index]
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(size)

    def check_page(self, index: int) -> None:
        """Raises InputError for a page that is not there, from 0."""
        if not 0 <= index < len(self.places):
            raise InputError(f"there is no page {index + 1}; the file has {len(self.places)}")


def is_image_archive(path: Path) -> bool:
    """Whether a file begins as one of images does. Raises InputError if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(PREFIX.size)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return len(head) == PREFIX.size and PREFIX.unpack(head)[:2] == (MAGIC, PICTURES)


def _checked(file: BinaryIO, path: Path) -> tuple[dict[str, str], list[int], int]:
    """The header, the sizes of the pages, and where the first begins."""
    head = file.read(PREFIX.size)
    if head[:4] != MAGIC or len(head) < PREFIX.size:
        raise FormatError(f"{path} is no .omem file; make one with `optimem compress`")
    _, version, length = PREFIX.unpack(head)
    if version != PICTURES:
        raise VersionError(
            f"{path} has version {version}, where a file of images has {PICTURES}; 1 holds a "
            "text, a higher one needs a newer optimem"
        )
    end = file.seek(0, 2) - _TAIL
    if end < PREFIX.size or not _matches(file, end + _LENGTH.size):
        raise ChecksumError(
            f"{path} is damaged or cut short (its checksum does not match); take it from a "
            "copy, or compress the images again"
        )
    with format_errors(str(path)):
        file.seek(end)
        (size,) = _LENGTH.unpack(file.read(_LENGTH.size))
        file.seek(end - size)
        sizes = json.loads(file.read(size))
        file.seek(PREFIX.size)
        header = json.loads(file.read(length))
        start = PREFIX.size + length
        if min(sizes) < 1 or start + sum(sizes) != end - size:
            raise ValueError(f"pages of {sizes} bytes do not fill it")
        return header, sizes, start


def _matches(file: BinaryIO, end: int) -> bool:
    """Whether the hash of the first `end` bytes is what follows them."""
    check = blake2b(digest_size=CHECK)
    file.seek(0)
    while end and (data := file.read(min(_CHUNK, end))):
        check.update(data)
        end -= len(data)
    return file.read(CHECK) == check.digest()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
