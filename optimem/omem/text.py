"""The `.omem` file of a text: its pages as vision tokens, without a copy of the text.

A container of kind `TOKEN_FILE`: a header (JSON: encoder, tier, cells of each page), then the
tokens of each page. Knows neither models nor how a page is drawn: a `PageCodec` does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, NonNegativeInt, TypeAdapter

from optimem.errors import InputError
from optimem.omem.atomic import atomic_write
from optimem.omem.container import (
    ContainerKind,
    from_json,
    open_container,
    pack_container,
    to_json,
    unpack_container,
)
from optimem.protocols import Cells, PageCodec, Progress, Reading, Renderer, VisionTokens
from optimem.tiers import Tier

BATCH = 8
"""Pages encoded or read between two steps of a progress bar."""


class _TextHeader(BaseModel):
    model_config = ConfigDict(extra="forbid")

    encoder: str
    tier: str
    cells: list[NonNegativeInt]


_HEADER = TypeAdapter(_TextHeader)


@dataclass(frozen=True)
class TokenFile:
    """The pages of one text at one tier. `fingerprint`: of the encoder."""

    pages: Sequence[VisionTokens]
    tier: Tier
    fingerprint: str

    def to_bytes(self) -> bytes:
        """The file's content."""
        header = _TextHeader(
            encoder=self.fingerprint,
            tier=self.tier.label,
            cells=[page.cells for page in self.pages],
        )
        sections = [to_json(header.model_dump()), *(page.data for page in self.pages)]
        return pack_container(ContainerKind.TOKEN_FILE, sections)

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "this file") -> Self:
        """Read a file's content. `name`: what errors call it. Raises FormatError, VersionError or
        ChecksumError."""
        with unpack_container(ContainerKind.TOKEN_FILE, data, name) as (described, *tokens):
            header = from_json(_HEADER, described)
            tier, encoder = Tier.parse(header.tier), header.encoder
            pages = [
                VisionTokens(tier, cells, encoder, page)
                for cells, page in zip(header.cells, tokens, strict=True)
            ]
            return cls(pages, tier, encoder)

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


def paginate(cells: Cells, renderer: Renderer) -> list[Cells]:
    """Cells cut into pages, never inside a character."""
    pages = []
    while len(cells):
        end = renderer.split(cells, renderer.capacity)
        pages.append(cells[:end])
        cells = cells[end:]
    return pages


def encode_pages(
    pages: Sequence[Cells], tier: Tier, codec: PageCodec, progress: Progress | None = None
) -> list[VisionTokens]:
    """The vision tokens of pages, given as their cells."""
    tokens: list[VisionTokens] = []
    for start in range(0, len(pages), BATCH):
        drawn = [codec.renderer.page(cells) for cells in pages[start : start + BATCH]]
        tokens += codec.encoder.encode(drawn, tier)
        if progress:
            progress(len(tokens), len(pages))
    return tokens


def decode_pages(
    tokens: Sequence[VisionTokens], codec: PageCodec, progress: Progress | None = None
) -> Iterator[Reading]:
    """The text of each page. Errors as `Decoder.read`."""
    for start in range(0, len(tokens), BATCH):
        batch = tokens[start : start + BATCH]
        for cells in codec.decoder.read(batch):
            yield codec.renderer.text(cells)
        if progress:
            progress(start + len(batch), len(tokens))


def select_pages(pages: Sequence[int] | None, count: int) -> Sequence[int]:
    """Which of a file's `count` pages to read, from 0: those named, or all. Raises InputError
    for one that the file does not have."""
    if pages is None:
        return range(count)
    for index in pages:
        if not 0 <= index < count:
            raise InputError(f"there is no page {index + 1}; the file has {count}")
    return pages
