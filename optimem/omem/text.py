"""The `.omem` file: a text as vision tokens. It holds no copy of the text.

Layout, little endian: magic `OMEM`, version (u16), length of the header (u32), the header
(JSON: encoder, tier, cells and bytes of each page, a check of the text), the pages' tokens
one after another, and a 16-byte BLAKE2b of all before it.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from optimem.errors import ChecksumError, FingerprintError, FormatError, InputError, VersionError
from optimem.omem.atomic import atomic_write
from optimem.protocols import Cells, PageCodec, Progress, Reading, Renderer, VisionTokens
from optimem.tiers import Tier

MAGIC = b"OMEM"
VERSION = 1
PICTURES = 2
"""The version of files of images, see `optimem.picture_file`."""
PREFIX = struct.Struct("<4sHI")
CHECK = 16
BATCH = 8  # pages encoded or read between two steps of a progress bar


def text_check(text: str) -> str:
    """32 hex digits that tell whether a reading is the text to the letter."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=CHECK).hexdigest()


@dataclass(frozen=True)
class TokenFile:
    """Pages of one text at one tier. `check`: `text_check` of the text."""

    pages: Sequence[VisionTokens]
    tier: Tier
    fingerprint: str
    check: str

    def to_bytes(self) -> bytes:
        """The file's content."""
        header = {
            "encoder": self.fingerprint,
            "tier": self.tier.label,
            "text": self.check,
            "pages": [[page.cells, len(page.data)] for page in self.pages],
        }
        described = json.dumps(header, separators=(",", ":")).encode()
        body = PREFIX.pack(MAGIC, VERSION, len(described)) + described
        body += b"".join(page.data for page in self.pages)
        return body + blake2b(body, digest_size=CHECK).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> "TokenFile":
        """Read a file's content. Raises FormatError, VersionError or ChecksumError."""
        if data[:4] != MAGIC or len(data) < PREFIX.size:
            raise FormatError("this is no .omem file; make one with `optimem compress`")
        _, version, length = PREFIX.unpack_from(data)
        if version == PICTURES:
            raise FormatError(
                "this .omem file holds images, not a text; read it with `optimem read FILE "
                "--model …`, or with optimem.read_images"
            )
        if version != VERSION:
            raise VersionError(
                f"this .omem file has version {version}, this release reads {VERSION}; "
                "upgrade optimem"
            )
        body, check = data[:-CHECK], data[-CHECK:]
        if blake2b(body, digest_size=CHECK).digest() != check:
            raise ChecksumError(
                "this .omem file is damaged or cut short (its checksum does not match); "
                "take it from a copy, or compress the text again"
            )
        header = json.loads(body[PREFIX.size : PREFIX.size + length])
        tier, fingerprint = Tier.parse(header["tier"]), header["encoder"]
        pages, start = [], PREFIX.size + length
        for cells, size in header["pages"]:
            pages.append(VisionTokens(tier, cells, fingerprint, body[start : start + size]))
            start += size
        return cls(pages, tier, fingerprint, header["text"])

    def save(self, path: Path) -> int:
        """Write the file whole or not at all; the number of bytes. Errors as `atomic_write`."""
        data = self.to_bytes()
        with atomic_write(path) as file:
            file.write(data)
        return len(data)

    @classmethod
    def load(cls, path: Path) -> "TokenFile":
        """Read a file. Errors as `from_bytes`."""
        return cls.from_bytes(path.read_bytes())


def paginate(cells: Cells, renderer: Renderer) -> list[Cells]:
    """Cells cut into pages, never inside a character."""
    pages = []
    while len(cells):
        end = renderer.split(cells, renderer.capacity)
        pages.append(cells[:end])
        cells = cells[end:]
    return pages


def read_pages(
    file: TokenFile,
    codec: PageCodec,
    pages: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Iterator[Reading]:
    """Read a file page by page. `pages`: which, from 0; default all of them. Raises
    InputError for a page that is not there, FingerprintError for another encoder's file."""
    wanted = range(len(file.pages)) if pages is None else pages
    for index in wanted:
        if not 0 <= index < len(file.pages):
            raise InputError(f"there is no page {index + 1}; the file has {len(file.pages)}")
    if file.fingerprint != codec.encoder.fingerprint:
        raise FingerprintError(
            f"this .omem file was written by {file.fingerprint!r}, the model here is "
            f"{codec.encoder.fingerprint!r}; read it with the model that wrote it (--model)"
        )
    for start in range(0, len(wanted), BATCH):
        batch = [file.pages[index] for index in wanted[start : start + BATCH]]
        for cells in codec.decoder.read(batch):
            yield codec.renderer.text(cells)
        if progress:
            progress(min(start + BATCH, len(wanted)), len(wanted))
