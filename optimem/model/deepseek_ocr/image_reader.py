"""DeepSeek-OCR as a memory's reader of images: files to stored tokens and text, stored tokens to
answers. Importing this module loads neither torch nor the model; the first image does.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from optimem.model.deepseek_ocr.prompts import MARKDOWN, ask
from optimem.omem.container import ContainerKind, container_kind
from optimem.protocols import ImageAnswer, ImageReading

ASKABLE = (ContainerKind.DEEPSEEK_TOKENS, ContainerKind.RULED_PAGE)
"""What holds vision tokens that can be asked."""

if TYPE_CHECKING:
    from optimem.model.deepseek_ocr.answers import PageReader
    from optimem.model.deepseek_ocr.generation import GenerationSettings
    from optimem.model.deepseek_ocr.images import RGBImage
    from optimem.model.deepseek_ocr.reader import DeepSeekReader


class DeepSeekImageReader:
    """An `ImageReader`. `load` makes the model's reader; it is called once, when first needed.
    `mode`: the name of one of `MODES`, in which images are encoded. `packing`: how the values of
    their tokens are stored, see `Packing`. `settings`: of the generation; default those of
    `settings_for`. `answers`: makes what answers about stored pages, such as a server; default the
    reader itself."""

    def __init__(
        self,
        load: "Callable[[], DeepSeekReader]",
        *,
        mode: str = "base",
        packing: str = "int8",
        settings: "GenerationSettings | None" = None,
        answers: "Callable[[], PageReader] | None" = None,
    ) -> None:
        self._load, self.mode = load, mode
        self.packing, self.settings = packing, settings
        self._answers = answers

    @cached_property
    def reader(self) -> "DeepSeekReader":
        """The checkpoint that encodes."""
        return self._load()

    @cached_property
    def answers(self) -> "PageReader":
        """What answers from stored pages."""
        return self._answers() if self._answers else self.reader

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
            page, answer = self.reader.encode_and_answer(
                image, MARKDOWN, self.mode, settings, self.answers
            )
            tokens = page.to_bytes(Packing(self.packing))
            yield ImageReading(image_id, tokens, answer.grounded.text)

    def takes(self, tokens: bytes) -> bool:
        """See `ImageReader`."""
        return container_kind(tokens) in ASKABLE

    def ask(self, pages: Sequence[bytes], question: str, salt: str = "") -> ImageAnswer:
        """See `ImageReader`; a ruled page of text is a page as well."""
        from optimem.model.deepseek_ocr.text_pages import stored_page

        prompt = ask(question, len(pages))
        stored = [stored_page(tokens) for tokens in pages]
        answer = self.answers.salted(salt).answer_together(stored, prompt, self.settings)
        return ImageAnswer(answer.grounded.text, answer.probability, answer.complete)


def hash_image(image: "RGBImage") -> str:
    """24 hex digits of a hash of the pixels: an image's id in a memory."""
    size = ",".join(map(str, image.size)).encode()
    return blake2b(size + image.tobytes(), digest_size=12).hexdigest()
