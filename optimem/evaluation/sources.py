"""A file of text, plain UTF-8 or .xz: read, or refused with what to do about it."""

import lzma
from pathlib import Path

from optimem.errors import InputError, TextError
from optimem.turns import checked_text


def read_source(path: Path) -> str:
    """The text of a file. Raises InputError if it cannot be opened, TextError if it holds no
    UTF-8 text."""
    from optimem.training.pages import SEPARATOR

    try:
        data = path.read_bytes()
        data = lzma.decompress(data) if path.suffix == ".xz" else data
    except lzma.LZMAError as error:
        raise TextError(
            f"{path} is no .xz file ({error}); compress it again, or give it plain"
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; give a file of text") from error
    try:
        return checked_text(data.decode("utf-8")).replace(SEPARATOR, "\n")
    except UnicodeDecodeError as error:
        raise TextError(
            f"{path} is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}; convert "
            "it first (iconv -f LATIN1 -t UTF-8), or give a text file"
        ) from None
    except TextError as error:
        raise TextError(f"{path} is not text: {error}") from None
