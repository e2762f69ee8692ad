"""DeepSeek-OCR at work: images to stored tokens, and stored tokens to answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Self

import torch

from optimem.model.deepseek_ocr.checkpoint import TOKENIZER, checkpoint_folder, load_checkpoint
from optimem.model.deepseek_ocr.config import DEEPSEEK_OCR, DeepSeekConfig
from optimem.model.deepseek_ocr.generation import END, Finish, Prompt, Settings, Token, generate
from optimem.model.deepseek_ocr.grounding import Grounded, parse_grounding
from optimem.model.deepseek_ocr.images import MODES, Mode, RGBImage, views
from optimem.model.deepseek_ocr.model import DeepSeekOCR
from optimem.model.deepseek_ocr.prompts import MARKDOWN, DeepSeekTokenizer, locate
from optimem.model.deepseek_ocr.stored_tokens import StoredPage
from optimem.model.hardware import best_device, best_dtype
from optimem.protocols import check_fingerprint

NEXT_MODE = {"tiny": "small", "small": "base", "base": "large", "large": "gundam"}
"""Where a page is looked at again after an answer that went round."""


class Piece(NamedTuple):
    """Text as it comes, and how likely the least likely of its tokens was; NaN where a
    server does not tell."""

    text: str
    probability: float


@dataclass(frozen=True)
class PageAnswer:
    """What was said of a page. `mode`: the one it was looked at in. `finish`: why it ended;
    anything but END is incomplete."""

    pieces: tuple[Piece, ...]
    mode: str
    finish: Finish
    width: int
    height: int

    @property
    def text(self) -> str:
        """The answer as the model wrote it, marks included."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def complete(self) -> bool:
        """Whether the model came to an end by itself."""
        return self.finish is Finish.END

    @property
    def grounded(self) -> Grounded:
        """The answer without marks, and the regions it named."""
        return parse_grounding(self.text, self.width, self.height)

    def marked(self, uncertain: float = 0.5) -> str:
        """The answer with pieces less likely than `uncertain` between ⟦ and ⟧."""
        return "".join(f"⟦{p.text}⟧" if p.probability < uncertain else p.text for p in self.pieces)


class DeepSeekReader:
    """Looks at images and answers from what it saw. Make one with `open`."""

    def __init__(self, model: DeepSeekOCR, tokenizer: DeepSeekTokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.fingerprint = _fingerprint(model)

    @classmethod
    def open(
        cls,
        name: str | Path,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        config: DeepSeekConfig = DEEPSEEK_OCR,
    ) -> Self:
        """Load a checkpoint folder or hub name. `device`: default CUDA or MPS where there is
        one; `dtype`: default bf16 where the hardware multiplies it, else fp32."""
        folder = checkpoint_folder(name)
        device = device or best_device()
        model = load_checkpoint(folder, config=config, dtype=dtype or best_dtype(device))
        return cls(model.to(device), DeepSeekTokenizer(folder / TOKENIZER))

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.image_newline.device

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        return self.model.image_newline.dtype

    @torch.inference_mode()
    def encode(self, images: Sequence[RGBImage], mode: Mode) -> list[StoredPage]:
        """Vision tokens of upright RGB images, to be kept or asked."""
        seen = [views(image, mode) for image in images]
        on_device = [page.to(self.device) for page in seen]
        found = []
        for image, page, tokens in zip(images, seen, self.model.encode(on_device), strict=True):
            down = 0 if page.tiles is None else len(page.tiles) // page.across
            count = mode.tokens(page.across, down)
            found.append(StoredPage(self.fingerprint, mode.name, count, *image.size, tokens))
        return found

    def answer(
        self,
        pages: Sequence[StoredPage],
        prompt: str = MARKDOWN,
        settings: Settings | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[PageAnswer]:
        """The same prompt asked of stored pages, all at once. Raises FingerprintError for
        tokens of another encoder."""
        prompts = [self._prompt(page, prompt) for page in pages]
        tokens: list[list[Token]] = [[] for _ in pages]
        for token in generate(self.model, prompts, settings, cancelled):
            tokens[token.row].append(token)
        return [
            PageAnswer(
                tuple(self._pieces(iter(said))),
                page.mode,
                said[-1].finish or Finish.CANCELLED,
                page.width,
                page.height,
            )
            for page, said in zip(pages, tokens, strict=True)
        ]

    def stream(
        self, page: StoredPage, prompt: str = MARKDOWN, settings: Settings | None = None
    ) -> Iterator[Piece]:
        """The answer piece by piece, as it is written."""
        return self._pieces(generate(self.model, [self._prompt(page, prompt)], settings))

    def read(
        self,
        image: RGBImage,
        prompt: str = MARKDOWN,
        mode: str = "base",
        settings: Settings | None = None,
    ) -> PageAnswer:
        """Look at a image and answer; see `seen`."""
        return self.seen(image, prompt, mode, settings)[1]

    def seen(
        self,
        image: RGBImage,
        prompt: str = MARKDOWN,
        mode: str = "base",
        settings: Settings | None = None,
    ) -> tuple[StoredPage, PageAnswer]:
        """A image's vision tokens and the answer from them. An answer that goes round is
        stopped and asked once more in the next larger mode; if that goes round too, it stays
        incomplete."""
        (page,) = self.encode([image], MODES[mode])
        (answer,) = self.answer([page], prompt, settings)
        if answer.finish is Finish.LOOP and mode in NEXT_MODE:
            (page,) = self.encode([image], MODES[NEXT_MODE[mode]])
            (answer,) = self.answer([page], prompt, settings)
        return page, answer

    def locate(self, page: StoredPage, text: str, settings: Settings | None = None) -> Grounded:
        """Where something is on a stored page."""
        (answer,) = self.answer([page], locate(text), settings)
        return answer.grounded

    def _prompt(self, page: StoredPage, text: str) -> Prompt:
        check_fingerprint(page.fingerprint, self.fingerprint)
        ids, start, count = self.tokenizer.prompt(text, len(page.tokens))
        words = torch.tensor([*ids[:start], *ids[start + count :]], device=self.device)
        embedded = self.model.embed_tokens(words)
        seen = page.tokens.to(embedded)
        return Prompt(ids, torch.cat((embedded[:start], seen, embedded[start:])))

    def _pieces(self, tokens: Iterator[Token]) -> Iterator[Piece]:
        """Text of tokens; a character that takes several comes with the last of them."""
        decode = self.tokenizer.stream()
        probability = 1.0
        for token in tokens:
            if token.id == END:
                return
            probability = min(probability, token.probability)
            text = decode(token.id)
            if text:
                yield Piece(text, probability)
                probability = 1.0


def _fingerprint(model: DeepSeekOCR) -> str:
    """Names the encoder by the last of its parameters, as they are stored."""
    digest = blake2b(digest_size=8)
    for value in (model.encoder.projector.weight, model.image_newline, model.view_separator):
        stored = value.detach().cpu().bfloat16().contiguous().view(torch.int16)
        digest.update(stored.numpy().tobytes())
    return f"deepseek-ocr-{digest.hexdigest()}"
