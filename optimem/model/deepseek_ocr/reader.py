"""DeepSeek-OCR at work: images to stored tokens, and stored tokens to answers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import torch

from optimem.errors import FormatError
from optimem.model.deepseek_ocr.answers import (
    AnswerPiece,
    AnswerStream,
    PageAnswer,
    PageReader,
    StreamItem,
)
from optimem.model.deepseek_ocr.checkpoint import (
    TOKENIZER,
    checkpoint_folder,
    encoder_fingerprint,
    load_checkpoint,
)
from optimem.model.deepseek_ocr.config import DeepSeekConfig
from optimem.model.deepseek_ocr.generation import (
    END,
    PDF_NO_REPEAT,
    FinishReason,
    GeneratedToken,
    GenerationInput,
    GenerationSettings,
    NoRepeat,
    generate,
)
from optimem.model.deepseek_ocr.grounding import GroundedText
from optimem.model.deepseek_ocr.images import MODES, Mode, RGBImage, cut_views, is_pdf
from optimem.model.deepseek_ocr.model import DeepSeekOCR
from optimem.model.deepseek_ocr.prompts import (
    BEGIN,
    IMAGE_ID,
    MARKDOWN,
    DeepSeekTokenizer,
    locate,
)
from optimem.model.deepseek_ocr.published_config import read_config
from optimem.model.deepseek_ocr.stored_tokens import StoredPage
from optimem.model.hardware import best_device, best_dtype
from optimem.protocols import check_fingerprint

LARGER_MODE = {"tiny": "small", "small": "base", "base": "large", "large": "gundam"}
"""The mode in which an image is encoded again after an answer that loops."""


class DeepSeekReader:
    """Encodes images and answers from their vision tokens. Make one with `open`. `larger_mode`: see
    `LARGER_MODE`."""

    larger_mode: Mapping[str, str] = LARGER_MODE

    def __init__(self, model: DeepSeekOCR, tokenizer: DeepSeekTokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.fingerprint = encoder_fingerprint(
            model.encoder.projector.weight, model.image_newline, model.view_separator
        )

    @classmethod
    def open(
        cls,
        name: str | Path,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        config: DeepSeekConfig | None = None,
    ) -> Self:
        """Load a checkpoint by its folder or hub name. `device`: default CUDA or MPS if
        available; `dtype`: default bf16 if the hardware multiplies it natively, else fp32;
        `config`: default what the checkpoint's `config.json` says. The tokenizer is checked before
        the weights are loaded. Errors as `checkpoint_folder`, `read_config`, `DeepSeekTokenizer`
        and `load_checkpoint`."""
        folder = checkpoint_folder(name)
        config = config or read_config(folder)
        tokenizer = DeepSeekTokenizer(folder / TOKENIZER, config.vocabulary)
        device = device or best_device()
        model = load_checkpoint(folder, config=config, dtype=dtype or best_dtype(device))
        return cls(model.to(device), tokenizer)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.image_newline.device

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        return self.model.image_newline.dtype

    def salted(self, salt: str) -> Self:
        """Itself: nothing of a page is kept here for other requests."""
        return self

    def check(self, fingerprint: str, what: str) -> None:
        """Raise FingerprintError unless tokens with a fingerprint are this encoder's. `what`: they
        are, for the message."""
        check_fingerprint(fingerprint, self.fingerprint, what)

    @torch.inference_mode()
    def encode(self, images: Sequence[RGBImage], mode: Mode) -> list[StoredPage]:
        """The vision tokens of upright RGB images, to be stored or asked."""
        views = [cut_views(image, mode) for image in images]
        encoded = self.model.encode([each.to(self.device) for each in views])
        pages = []
        for image, each, tokens in zip(images, views, encoded, strict=True):
            down = 0 if each.tiles is None else len(each.tiles) // each.across
            count = mode.tokens(each.across, down)
            pages.append(StoredPage(self.fingerprint, mode.name, count, *image.size, tokens))
        return pages

    def answer(
        self,
        pages: Sequence[StoredPage],
        prompt: str = MARKDOWN,
        settings: GenerationSettings | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[PageAnswer]:
        """The answers about stored pages to one prompt, generated together. Raises
        FingerprintError for tokens of another encoder."""
        prompts = [self._embedded([page], prompt) for page in pages]
        return self._answers(prompts, pages, settings, cancelled)

    def answer_together(
        self,
        pages: Sequence[StoredPage],
        prompt: str,
        settings: GenerationSettings | None = None,
    ) -> PageAnswer:
        """The one answer about several stored pages, to a prompt with an `<image>` for each, such
        as `ask(question, len(pages))`. Its boxes are in pixels of the first. Errors as
        `answer`."""
        (answer,) = self._answers([self._embedded(pages, prompt)], pages[:1], settings)
        return answer

    def stream(
        self, page: StoredPage, prompt: str = MARKDOWN, settings: GenerationSettings | None = None
    ) -> AnswerStream:
        """The answer piece by piece, as it is generated. Errors as `answer`, at the first piece."""
        return AnswerStream(self._steps(page, prompt, settings), page)

    def streams(
        self,
        pages: Iterable[StoredPage],
        prompt: str = MARKDOWN,
        settings: GenerationSettings | None = None,
    ) -> Iterator[AnswerStream]:
        """The stream about each page, in order. Errors as `stream`."""
        return (self.stream(page, prompt, settings) for page in pages)

    def read(
        self,
        image: RGBImage,
        prompt: str = MARKDOWN,
        mode: str = "base",
        settings: GenerationSettings | None = None,
        answers: PageReader | None = None,
    ) -> PageAnswer:
        """The answer about an image; see `encode_and_answer`."""
        return self.encode_and_answer(image, prompt, mode, settings, answers)[1]

    def encode_and_answer(
        self,
        image: RGBImage,
        prompt: str = MARKDOWN,
        mode: str = "base",
        settings: GenerationSettings | None = None,
        answers: PageReader | None = None,
    ) -> tuple[StoredPage, PageAnswer]:
        """An image's vision tokens and the answer from them. `answers`: what answers; by default
        this. After an answer that loops, the image is encoded and asked once more in the next
        larger mode; if that answer loops, too, it stays incomplete."""
        answers = answers or self
        (page,) = self.encode([image], MODES[mode])
        (answer,) = answers.answer([page], prompt, settings)
        if answer.finish is FinishReason.LOOP and mode in self.larger_mode:
            (page,) = self.encode([image], MODES[self.larger_mode[mode]])
            (answer,) = answers.answer([page], prompt, settings)
        return page, answer

    def locate(
        self, page: StoredPage, text: str, settings: GenerationSettings | None = None
    ) -> GroundedText:
        """Where something is on a stored page."""
        (answer,) = self.answer([page], locate(text), settings)
        return answer.grounded

    def _answers(
        self,
        prompts: Sequence[GenerationInput],
        pages: Sequence[StoredPage],
        settings: GenerationSettings | None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[PageAnswer]:
        """The answer to each prompt; `pages`: what their boxes refer to."""
        tokens: list[list[GeneratedToken]] = [[] for _ in prompts]
        for token in generate(self.model, prompts, settings, cancelled):
            tokens[token.row].append(token)
        return [
            PageAnswer(
                tuple(self._pieces(iter(generated))),
                page.mode,
                generated[-1].finish or FinishReason.CANCELLED,
                page.width,
                page.height,
            )
            for page, generated in zip(pages, tokens, strict=True)
        ]

    def _steps(
        self, page: StoredPage, prompt: str, settings: GenerationSettings | None
    ) -> Iterator[StreamItem]:
        """The pieces of an answer, then why it ended."""
        finish = FinishReason.CANCELLED

        def generated() -> Iterator[GeneratedToken]:
            nonlocal finish
            for token in generate(self.model, [self._embedded([page], prompt)], settings):
                finish = token.finish or finish
                yield token

        yield from self._pieces(generated())
        yield finish

    def _embedded(self, pages: Sequence[StoredPage], prompt: str) -> GenerationInput:
        """A prompt with pages' tokens in the places of its images."""
        ids, images = self.tokenizer.prompt(prompt, *(len(page.tokens) for page in pages))
        known = [BEGIN if token == IMAGE_ID else token for token in ids]  # a small vocabulary
        words = torch.tensor(known, device=self.device)
        embedded = self.model.embed_tokens(words)
        for page, (start, count) in zip(pages, images, strict=True):
            check_fingerprint(page.fingerprint, self.fingerprint)
            if page.tokens.shape[1] != embedded.shape[1]:
                raise FormatError(
                    f"vision tokens of {page.tokens.shape[1]} dimensions are not this model's, "
                    f"which have {embedded.shape[1]}; encode the image again"
                )
            embedded[start : start + count] = page.tokens.to(embedded)
        return GenerationInput(ids, embedded)

    def _pieces(self, tokens: Iterator[GeneratedToken]) -> Iterator[AnswerPiece]:
        """The text of tokens; a character of several tokens comes with the last of them."""
        decode = self.tokenizer.stream()
        probability = 1.0
        for token in tokens:
            if token.id == END:
                return
            probability = min(probability, token.probability)
            text = decode(token.id)
            if text:
                yield AnswerPiece(text, probability)
                probability = 1.0


def settings_for(path: Path, limit: int | None = None) -> GenerationSettings:
    """How the images of a file are read: those of a PDF with the published setting for PDFs."""
    return GenerationSettings(limit, no_repeat=PDF_NO_REPEAT if is_pdf(path) else NoRepeat())
