"""DeepSeek-OCR as a memory's reader of images: files to stored tokens and text, stored tokens to
answers. Importing this module loads neither torch nor the model; the first image does.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from optimem.model.deepseek_ocr.prompts import MARKDOWN, ask
from optimem.protocols import ImageAnswer, ImageReading

if TYPE_CHECKING:
    from optimem.model.deepseek_ocr.generation import GenerationSettings
    from optimem.model.deepseek_ocr.images import RGBImage
    from optimem.model.deepseek_ocr.reader import DeepSeekReader


class DeepSeekImageReader:
    """An `ImageReader`. `load` makes the model's reader; it is called once, when first needed.
    `mode`: the name of one of `MODES`, in which images are encoded. `packing`: how the values of
    their tokens are stored, see `Packing`. `settings`: of the generation; default those of
    `settings_for`."""

    def __init__(
        self,
        load: "Callable[[], DeepSeekReader]",
        *,
        mode: str = "base",
        packing: str = "int8",
        settings: "GenerationSettings | None" = None,
    ) -> None:
        self._load, self.mode = load, mode
        self.packing, self.settings = packing, settings

    @cached_property
    def reader(self) -> "DeepSeekReader":
        """The checkpoint that reads and answers."""
        return self._load()

    def read(self, path: Path, known: Callable[[str], bool]) -> Iterator[ImageReading]:
        """See `ImageReader`; the text is Markdown."""
        from optimem.model.deepseek_ocr.images import open_images
        from optimem.model.deepseek_ocr.reader import settings_for
        from optimem.model.deepseek_ocr.stored_tokens import Packing

        settings = self.settings or settings_for(path)
        for image in open_images(path):
            image_id = hash_image(image)
            if known(image_id):
                yield ImageReading(image_id, b"", "")
                continue
            page, answer = self.reader.encode_and_answer(image, MARKDOWN, self.mode, settings)
            tokens = page.to_bytes(Packing(self.packing))
            yield ImageReading(image_id, tokens, answer.grounded.text)

    def ask(self, tokens: bytes, question: str) -> ImageAnswer:
        """See `ImageReader`."""
        from optimem.model.deepseek_ocr.stored_tokens import StoredPage

        page = StoredPage.from_bytes(tokens)
        (answer,) = self.reader.answer([page], ask(question), self.settings)
        return ImageAnswer(answer.grounded.text, answer.probability, answer.complete)


def hash_image(image: "RGBImage") -> str:
    """24 hex digits of a hash of the pixels: an image's id in a memory."""
    size = ",".join(map(str, image.size)).encode()
    return blake2b(size + image.tobytes(), digest_size=12).hexdigest()
