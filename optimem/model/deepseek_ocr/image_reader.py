"""DeepSeek-OCR as a memory's reader of images: files to stored tokens and text, stored tokens
to answers. Importing this file loads neither torch nor the model; the first image does.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from optimem.model.deepseek_ocr.prompts import MARKDOWN, ask
from optimem.protocols import ImageAnswer, ImageReading

if TYPE_CHECKING:
    from optimem.model.deepseek_ocr.generation import Settings
    from optimem.model.deepseek_ocr.images import RGBImage
    from optimem.model.deepseek_ocr.reader import DeepSeekReader


class DeepSeekImageReader:
    """An `ImageReader`. `load` makes the reader, once, when it is first needed. `mode`: the
    name of one of `MODES`, in which images are encoded; `packing`: how their tokens are kept,
    see `Packing`; `settings`: of the generation."""

    def __init__(
        self,
        load: "Callable[[], DeepSeekReader]",
        *,
        mode: str = "base",
        packing: str = "int8",
        settings: "Settings | None" = None,
    ) -> None:
        self._load, self.mode = load, mode
        self.packing, self.settings = packing, settings

    @cached_property
    def reader(self) -> "DeepSeekReader":
        """The checkpoint that encodes and answers."""
        return self._load()

    def read(self, path: Path, known: Callable[[str], bool]) -> Iterator[ImageReading]:
        """See `ImageReader`; read as Markdown."""
        from optimem.model.deepseek_ocr.images import open_images
        from optimem.model.deepseek_ocr.stored_tokens import Packing

        for image in open_images(path):
            name = image_id(image)
            if known(name):
                yield ImageReading(name, b"", "")
                continue
            page, answer = self.reader.seen(image, MARKDOWN, self.mode, self.settings)
            yield ImageReading(name, page.to_bytes(Packing(self.packing)), answer.grounded.text)

    def ask(self, tokens: bytes, question: str) -> ImageAnswer:
        """See `ImageReader`."""
        from optimem.model.deepseek_ocr.stored_tokens import StoredPage

        page = StoredPage.from_bytes(tokens)
        (answer,) = self.reader.answer([page], ask(question), self.settings)
        probabilities = [piece.probability for piece in answer.pieces]
        mean = sum(probabilities) / len(probabilities) if probabilities else 0.0
        return ImageAnswer(answer.grounded.text, mean, answer.complete)


def image_id(image: "RGBImage") -> str:
    """24 hex digits of a hash of the pixels."""
    size = ",".join(map(str, image.size)).encode()
    return blake2b(size + image.tobytes(), digest_size=12).hexdigest()
