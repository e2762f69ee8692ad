"""DeepSeek-OCR 2 and Unlimited-OCR at work: as `DeepSeekReader`, with each checkpoint's own sizes
of views and rules for answers. What computes them is `model`'s affair."""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, cast

import torch
from safetensors import SafetensorError

from optimem.errors import FormatError, InputError, MissingExtraError
from optimem.model.deepseek_ocr.answers import PageAnswer, StreamItem
from optimem.model.deepseek_ocr.checkpoint import TOKENIZER
from optimem.model.deepseek_ocr.generation import GenerationInput, GenerationSettings
from optimem.model.deepseek_ocr.images import Mode, RGBImage, cut_views
from optimem.model.deepseek_ocr.model import DeepSeekOCR, Views
from optimem.model.deepseek_ocr.prompts import DeepSeekTokenizer
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored_tokens import StoredPage
from optimem.model.hardware import best_device, best_dtype
from optimem.model.transformers_extra import EXTRA, quiet
from optimem.model.transformers_ocr.kinds import Kind, fingerprint_of, own_settings
from optimem.model.transformers_ocr.model import TransformersOCR


class TransformersReader(DeepSeekReader):
    """Encodes images and answers from their vision tokens. Make one with `open_kind`."""

    def __init__(self, model: TransformersOCR, tokenizer: DeepSeekTokenizer, kind: Kind) -> None:
        self.model, self.tokenizer = cast(DeepSeekOCR, model), tokenizer
        self.kind = kind
        self.larger_mode = dict(pairwise(kind.modes))
        inner = model.inner.model
        separator = inner.view_separator
        newline = getattr(inner, "image_newline", separator)
        weight = inner.multi_modal_projector.weight
        self.fingerprint = fingerprint_of(kind, weight, newline, separator)

    @classmethod
    def open_kind(
        cls,
        folder: Path,
        kind: Kind,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> Self:
        """Load a checkpoint of a kind. `device`, `dtype`: as for `DeepSeekReader.open`. Raises
        MissingExtraError without transformers, TokenizerError for a wrong tokenizer, and
        FormatError for weights that are damaged or incomplete."""
        device = device or best_device()
        dtype = dtype or best_dtype(device)
        model = _loaded(folder, dtype).to(device).eval().requires_grad_(False)
        vocabulary = model.config.get_text_config().vocab_size
        tokenizer = DeepSeekTokenizer(folder / TOKENIZER, vocabulary)
        return cls(TransformersOCR(model), tokenizer, kind)

    @torch.inference_mode()
    def encode(self, images: Sequence[RGBImage], mode: Mode) -> list[StoredPage]:
        """As `DeepSeekReader.encode`. Raises InputError for a mode that this checkpoint lacks."""
        own = self.kind.modes.get(mode.name)
        if own is None:
            raise InputError(
                f"{self.kind.name} has no mode {mode.name!r}; choose one of "
                f"{', '.join(self.kind.modes)}"
            )
        return [self._page(image, own) for image in images]

    def _page(self, image: RGBImage, mode: Mode) -> StoredPage:
        views = views_of(image, mode, self.kind.tiles).to(self.device)
        (tokens,) = self.model.encode([views])
        down = 0 if views.tiles is None else len(views.tiles) // views.across
        count = mode.tokens(views.across, down)
        return StoredPage(self.fingerprint, mode.name, count, *image.size, tokens)

    def _answers(
        self,
        prompts: Sequence[GenerationInput],
        pages: Sequence[StoredPage],
        settings: GenerationSettings | None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[PageAnswer]:
        """Each by itself: the model takes no padding."""
        own, answer = own_settings(settings, self.kind), super()._answers
        each = zip(prompts, pages, strict=True)
        return [answer([prompt], [page], own, cancelled)[0] for prompt, page in each]

    def _steps(
        self, page: StoredPage, prompt: str, settings: GenerationSettings | None
    ) -> Iterator[StreamItem]:
        return super()._steps(page, prompt, own_settings(settings, self.kind))


def views_of(image: RGBImage, mode: Mode, most: int) -> Views:
    """The views of an image, with tiles, `most` of them, if it is larger than one."""
    tiled = mode.tile and max(image.size) > mode.tile
    return cut_views(image, mode if tiled else Mode(mode.name, mode.base), most)


def _loaded(folder: Path, dtype: torch.dtype) -> Any:
    """The model of transformers, with every one of its parameters read from the folder."""
    try:
        transformers: Any = import_module("transformers")
        auto = transformers.AutoModelForImageTextToText
    except (ImportError, AttributeError) as error:
        raise MissingExtraError(
            f"this checkpoint needs transformers 5.20 or newer: pip install 'optimem[{EXTRA}]'"
        ) from error
    try:
        with quiet(transformers.utils.logging):
            model, report = auto.from_pretrained(
                folder, dtype=dtype, local_files_only=True, output_loading_info=True
            )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise FormatError(f"{folder} cannot be loaded: {error}; download it again") from error
    wrong = sorted([*report["missing_keys"], *map(str, report["mismatched_keys"])])
    if wrong:
        raise FormatError(
            f"{folder} lacks {len(wrong)} of the model's tensors, such as {wrong[0]}; download it "
            "again"
        )
    return model
