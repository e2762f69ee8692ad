"""The `.omem` file: a text as vision tokens. It holds no copy of the text.

Layout, little endian: magic `OMEM`, version (u16), length of the header (u32), the header
(JSON: encoder, tier, cells and bytes of each page, a check of the text), the pages' tokens
one after another, and a 16-byte BLAKE2b of all before it.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from optimem.errors import ChecksumError, FormatError, VersionError
from optimem.protocols import VisionTokens
from optimem.tiers import Tier
from optimem.whole_file import whole_file

MAGIC = b"OMEM"
VERSION = 1
PICTURES = 2
"""The version of files of pictures, see `optimem.picture_file`."""
PREFIX = struct.Struct("<4sHI")
CHECK = 16


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

    def matches(self, text: str) -> bool:
        """Whether `text` is the text that was compressed."""
        return text_check(text) == self.check

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
                "this .omem file holds pictures, not a text; read it with `optimem read FILE "
                "--model …`, or with optimem.read_pictures"
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
        """Write the file whole or not at all; the number of bytes. Errors as `whole_file`."""
        data = self.to_bytes()
        with whole_file(path) as file:
            file.write(data)
        return len(data)

    @classmethod
    def load(cls, path: Path) -> "TokenFile":
        """Read a file. Errors as `from_bytes`."""
        return cls.from_bytes(path.read_bytes())
