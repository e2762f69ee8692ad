"""A reader of images that reads text files: what it returns is known without a model."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

from optimem.errors import ChecksumError, InputError
from optimem.protocols import ImageAnswer, ImageReading, check_fingerprint

PAGE_BREAK = "\f"


class FakeImageReader:
    """An `ImageReader` for UTF-8 text files, with a form feed between pages.

    A page's vision tokens are its text after the reader's `fingerprint`; the answer to any
    question is the text of the pages that are asked, with probability 1. `read_pages`, `asked` and
    `salts` count and list the calls. A file that is empty, missing or not UTF-8 raises InputError,
    as a file without images does with a real reader.
    """

    def __init__(self, fingerprint: str = "fake-1") -> None:
        self.fingerprint = fingerprint
        self.read_pages = 0
        self.asked: list[str] = []
        self.salts: list[str] = []

    def read(self, path: Path, known: Callable[[str], bool]) -> Iterator[ImageReading]:
        """See `ImageReader`."""
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read as an image: {error}") from error
        if not text:
            raise InputError(f"{path} cannot be read as an image: it is empty")
        for page in text.split(PAGE_BREAK):
            name = blake2b(page.encode(), digest_size=12).hexdigest()
            if known(name):
                yield ImageReading(name, b"", "")
                continue
            self.read_pages += 1
            yield ImageReading(name, f"{self.fingerprint}\0{page}".encode(), page)

    def takes(self, tokens: bytes) -> bool:
        """See `ImageReader`."""
        return tokens.startswith(b"fake-")

    def ask(self, pages: Sequence[bytes], question: str, salt: str = "") -> ImageAnswer:
        """See `ImageReader`."""
        texts = [self._text(tokens) for tokens in pages]
        self.asked.append(question)
        self.salts.append(salt)
        return ImageAnswer(PAGE_BREAK.join(texts), 1.0, complete=True)

    def _text(self, tokens: bytes) -> str:
        try:
            fingerprint, _, page = tokens.decode().partition("\0")
        except UnicodeDecodeError as error:
            raise ChecksumError(f"these tokens are damaged: {error}") from error
        check_fingerprint(fingerprint, self.fingerprint)
        return page
