"""Text files, read whole: UTF-8, plain or .xz. What is not text is refused with the offending byte
and the remedy. Images are told by their first bytes. Knows nothing of turns or pages.
"""

import lzma
from pathlib import Path

from optimem.errors import InputError, TextError

SEPARATOR = "\n\f\n"
"""Between the documents of a corpus file."""
IMAGE_SIGNATURES = (
    b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF87a", b"GIF89a",
)  # fmt: skip
WEBP = (b"RIFF", b"WEBP")  # the size of the file lies between


def holds_images(head: bytes) -> bool:
    """Whether a file is an image or a PDF, by its first bytes."""
    return head.startswith(IMAGE_SIGNATURES) or (head[:4], head[8:12]) == WEBP


def decode_text(data: bytes, name: str, remedy: str = "give a text file") -> str:
    """Bytes as text. `name`: of the source, for the message; `remedy`: what to do if it was never
    meant to be text. Raises TextError, naming the byte, for what is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TextError(
            f"{name} is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}; convert "
            f"it first (iconv -f LATIN1 -t UTF-8), or {remedy}"
        ) from None


def read_text_file(path: Path) -> str:
    """The text of a file, unpacked if its suffix is .xz, with newlines for document separators.
    Raises InputError if it cannot be opened and TextError if it does not hold text."""
    try:
        data = path.read_bytes()
        data = lzma.decompress(data) if path.suffix == ".xz" else data
    except lzma.LZMAError as error:
        raise TextError(
            f"{path} is not an .xz file ({error}); compress it again, or give it uncompressed"
        ) from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; give a text file") from error
    return decode_text(data, str(path)).replace(SEPARATOR, "\n")
