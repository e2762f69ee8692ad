"""The `.omem` file of a text: its pages as vision tokens, without a copy of the text.

A container of kind `TOKEN_FILE`: a header (JSON: encoder, tier, whether every cell was kept, cells
of each page), the digests of all pages' texts, then tokens and corrections of each page. Knows
neither models nor how a page is drawn: a `PageCodec` does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, NonNegativeInt, TypeAdapter

from optimem.errors import InputError
from optimem.omem.atomic import atomic_write
from optimem.omem.container import (
    ContainerKind,
    format_errors,
    from_json,
    open_container,
    pack_container,
    to_json,
    unpack_container,
)
from optimem.omem.corrections import DIGEST, Corrections, find_corrections, proven, text_digest
from optimem.protocols import (
    Cells,
    PageCodec,
    Progress,
    ReadCells,
    Reading,
    Renderer,
    VisionTokens,
)
from optimem.tiers import Tier

BATCH = 8
"""Pages encoded or read between two steps of a progress bar."""
UNCERTAIN = 0.5
"""Probability below which a character of a file is marked."""


class _TextHeader(BaseModel):
    model_config = ConfigDict(extra="forbid")

    encoder: str
    tier: str
    complete: bool
    cells: list[NonNegativeInt]


_HEADER = TypeAdapter(_TextHeader)


class TextPage(NamedTuple):
    """A page as stored. `corrections`: what its tokens misread, as `Corrections` packs it; `digest`
    of its text."""

    tokens: VisionTokens
    corrections: bytes
    digest: bytes


@dataclass(frozen=True)
class TokenFile:
    """The pages of one text at one tier. `fingerprint`: of the encoder. `complete`: corrections
    bring back every character, not only values."""

    pages: Sequence[TextPage]
    tier: Tier
    fingerprint: str
    complete: bool

    def to_bytes(self) -> bytes:
        """The file's content."""
        header = _TextHeader(
            encoder=self.fingerprint,
            tier=self.tier.label,
            complete=self.complete,
            cells=[page.tokens.cells for page in self.pages],
        )
        sections = [to_json(header.model_dump()), b"".join(page.digest for page in self.pages)]
        for page in self.pages:
            sections += [page.tokens.data, page.corrections]
        return pack_container(ContainerKind.TOKEN_FILE, sections)

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "this file") -> Self:
        """Read a file's content. `name`: what errors call it. Raises FormatError, VersionError or
        ChecksumError."""
        with unpack_container(ContainerKind.TOKEN_FILE, data, name) as sections:
            described, digests, *parts = sections
            header = from_json(_HEADER, described)
            tier, encoder = Tier.parse(header.tier), header.encoder
            columns = zip(header.cells, parts[::2], parts[1::2], _digests(digests), strict=True)
            pages = [
                TextPage(VisionTokens(tier, cells, encoder, tokens), corrections, digest)
                for cells, tokens, corrections, digest in columns
            ]
            return cls(pages, tier, encoder, header.complete)

    def save(self, path: str | Path) -> int:
        """Write the file whole or not at all; its size in bytes. Errors as `atomic_write`."""
        data = self.to_bytes()
        with atomic_write(Path(path)) as file:
            file.write(data)
        return len(data)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file. Raises InputError if it cannot be opened; other errors as `from_bytes`."""
        with open_container(Path(path)) as file:
            return cls.from_bytes(file.read(), str(path))


class WrittenPage(NamedTuple):
    """A page as stored; cells that its tokens misread, and those that its corrections leave."""

    page: TextPage
    misread: int
    left: int


def paginate(cells: Cells, renderer: Renderer) -> list[Cells]:
    """Cells cut into pages, never inside a character."""
    pages = []
    while len(cells):
        end = renderer.split(cells, renderer.capacity)
        pages.append(cells[:end])
        cells = cells[end:]
    return pages


def write_pages(
    pages: Sequence[Cells],
    tier: Tier,
    codec: PageCodec,
    kept: Callable[[Reading, int], NDArray[np.bool_] | None],
    progress: Progress | None = None,
) -> Iterator[WrittenPage]:
    """Pages, given as their cells, as they are stored; each is read back once. `kept`: the cells
    of a page, given its text and size, that corrections must bring back, None for none."""
    for start in range(0, len(pages), BATCH):
        batch = pages[start : start + BATCH]
        tokens = codec.encoder.encode([codec.renderer.page(cells) for cells in batch], tier)
        for cells, page, read in zip(batch, tokens, codec.decoder.read(tokens), strict=True):
            yield _written(cells, page, read, codec, kept)
        if progress:
            progress(start + len(batch), len(pages))


def _written(
    cells: Cells,
    tokens: VisionTokens,
    read: ReadCells,
    codec: PageCodec,
    kept: Callable[[Reading, int], NDArray[np.bool_] | None],
) -> WrittenPage:
    drawn = ReadCells(cells, np.ones(len(cells), np.float32))
    written = codec.renderer.text(drawn)
    found = find_corrections(drawn, read, kept(written, len(cells)), UNCERTAIN)
    page = TextPage(tokens, found.pack(len(cells)), text_digest(written.text))
    left = found.apply(read).ids
    return WrittenPage(page, int((read.ids != cells).sum()), int((left != cells).sum()))


def read_back(
    file: TokenFile, pages: Sequence[int], codec: PageCodec, progress: Progress | None = None
) -> Iterator[Reading]:
    """The text of some of a file's pages, counted from 0. Errors as `Decoder.read`."""
    for start in range(0, len(pages), BATCH):
        batch = [file.pages[index] for index in pages[start : start + BATCH]]
        read = codec.decoder.read([page.tokens for page in batch])
        for page, decoded in zip(batch, read, strict=True):
            with format_errors("the corrections of a page"):
                found = Corrections.unpack(page.corrections, page.tokens.cells)
            reading = codec.renderer.text(found.apply(decoded))
            yield proven(reading, page.digest, file.complete)[0]
        if progress:
            progress(start + len(batch), len(pages))


def select_pages(pages: Sequence[int] | None, count: int) -> Sequence[int]:
    """Which of a file's `count` pages to read, from 0: those named, or all. Raises InputError
    for one that the file does not have."""
    if pages is None:
        return range(count)
    for index in pages:
        if not 0 <= index < count:
            raise InputError(f"there is no page {index + 1}; the file has {count}")
    return pages


def _digests(data: bytes) -> list[bytes]:
    return [data[start : start + DIGEST] for start in range(0, len(data), DIGEST)]
