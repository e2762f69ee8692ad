"""A model of transformers behind the interface of our own: views to vision tokens, embedded
positions to logits. So what generates, stores, streams and asks is the same for all.

Knows nothing of files or prompts, nor which of the models it is.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from optimem.model.deepseek_ocr.model import Views

REFERENCE = "reference_sliding_attention"
"""Of layers that attend to the whole prompt and to the last tokens of the answer."""


class TransformersCache:
    """Keys and values of all layers, as transformers keeps them. `length`: positions so far."""

    def __init__(self, config: Any) -> None:
        self.past: Any = import_module("transformers").DynamicCache(config=config)
        self.length = 0

    def begin(self, positions: int) -> None:
        """Tell layers that never forget the prompt how long it is."""
        for layer in self.past.layers:
            if getattr(layer, "_layer_type", None) == REFERENCE:
                layer.set_prefill_length(positions)

    def keep(self, rows: Tensor) -> None:
        """Drop all sequences but these."""
        self.past.batch_select_indices(rows)


class TransformersOCR:
    """`model`: a `DeepseekOcr2ForConditionalGeneration` or `UnlimitedOcrForConditionalGeneration`
    of transformers, in evaluation mode. `positions`: that it takes."""

    def __init__(self, model: Any) -> None:
        self.inner = model
        self.positions: int = model.config.get_text_config().max_position_embeddings

    @property
    def image_newline(self) -> Tensor:
        """A parameter, for its device and dtype: DeepSeek-OCR 2 has no newlines."""
        separator: Tensor = self.inner.model.view_separator
        return separator

    def encode(self, pages: Sequence[Views]) -> list[Tensor]:
        """What the decoder sees of each page, (positions, C)."""
        return [self._encoded(page.to(self.image_newline.dtype)) for page in pages]

    def _encoded(self, page: Views) -> Tensor:
        given: dict[str, Any] = {}
        if page.tiles is not None:
            given["pixel_values_local"] = page.tiles.permute(0, 3, 1, 2)  # (n, 3, T, T)
            given["num_local_patches"] = [len(page.tiles)]
            if hasattr(self.inner.model, "image_newline"):  # the tiles make a mosaic
                given["patches_grid"] = [[page.across, len(page.tiles) // page.across]]
        pixels = page.overview.permute(2, 0, 1)[None]  # (1, 3, S, S)
        tokens: Tensor = self.inner.model.get_image_features(pixels, **given).pooler_output[0]
        return tokens

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """Embeddings (…, C) of ids (…)."""
        embedded: Tensor = self.inner.get_input_embeddings()(ids)
        return embedded

    def caches(self, batch: int, capacity: int) -> list[TransformersCache]:
        """An empty cache, which grows by itself."""
        return [TransformersCache(self.inner.config.get_text_config())]

    def __call__(
        self,
        embedded: Tensor,
        caches: Sequence[TransformersCache],
        padding: Tensor | None = None,
        last: int = 0,
    ) -> Tensor:
        """Logits (B, N, vocabulary) of embedded positions (B, N, C), of the `last` ones only if
        that is not 0. There must be no `padding`: behind it, a window over an answer would not
        begin where the answer does."""
        assert padding is None
        (cache,) = caches
        if not cache.length:
            cache.begin(embedded.shape[1])
        start, cache.length = cache.length, cache.length + embedded.shape[1]
        hidden = self.inner.model.language_model(
            inputs_embeds=embedded,
            position_ids=torch.arange(start, cache.length, device=embedded.device)[None],
            past_key_values=cache.past,
            use_cache=True,
        ).last_hidden_state
        logits: Tensor = self.inner.lm_head(hidden[:, -last:])
        return logits
