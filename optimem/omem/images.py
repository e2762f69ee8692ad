"""The `.omem` file of images: scans and pages of PDFs as vision tokens, without the pixels.

A container of kind `IMAGE_ARCHIVE`: a header (JSON: encoder, mode, packing), then each image as
the encoder packed it, written as it is made. Knows images as bytes only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter

from optimem.omem.container import (
    ContainerKind,
    ContainerWriter,
    Section,
    find_sections,
    format_errors,
    from_json,
    open_container,
    to_json,
)
from optimem.omem.text import select_pages


class _ArchiveHeader(BaseModel):
    model_config = ConfigDict(extra="forbid")

    encoder: str
    mode: str
    packing: str


_HEADER = TypeAdapter(_ArchiveHeader)


class ImageArchiveWriter:
    """Writes pages as they are made; `finish` completes the file. `encoder`: its fingerprint;
    `mode`, `packing`: see `ImageArchive`."""

    def __init__(self, file: BinaryIO, *, encoder: str, mode: str, packing: str) -> None:
        self._container = ContainerWriter(file, ContainerKind.IMAGE_ARCHIVE)
        header = _ArchiveHeader(encoder=encoder, mode=mode, packing=packing)
        self._container.add(to_json(header.model_dump()))

    def add(self, page: bytes) -> None:
        """Write the next page."""
        self._container.add(page)

    def finish(self) -> int:
        """Complete the file; its size in bytes."""
        return self._container.finish()


@dataclass(frozen=True)
class ImageArchive:
    """A file of images on disk; each page is read when it is asked for. Make one with `load`.

    `fingerprint`: of the encoder. `mode`: how images were cut into views. `packing`: how the
    values of their tokens are stored; for both see `optimem.compress_images`. `pages`: where each
    lies in the file.
    """

    path: Path
    fingerprint: str
    mode: str
    packing: str
    pages: Sequence[Section]

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Check all of a file and read its header. Raises InputError if it cannot be opened,
        FormatError, VersionError or ChecksumError."""
        path = Path(path)
        with open_container(path) as file:
            sections = find_sections(ContainerKind.IMAGE_ARCHIVE, file, str(path))
            with format_errors(str(path)):
                described, *pages = sections
                header = from_json(_HEADER, _read(file, described))
                return cls(path, header.encoder, header.mode, header.packing, pages)

    def page(self, index: int) -> bytes:
        """The packed tokens of a page, from 0. Raises InputError for one that is not there."""
        select_pages([index], len(self.pages))
        with open_container(self.path) as file:
            return _read(file, self.pages[index])


def _read(file: BinaryIO, section: Section) -> bytes:
    file.seek(section.start)
    return file.read(section.size)
