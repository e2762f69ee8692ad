"""DeepSeek-OCR as a whole: views of an image to vision tokens, and tokens to logits.

Structure and numbers: arXiv 2510.18234 and the released `deepseek-ai/DeepSeek-OCR`. Knows
nothing of files, nor how images are cut into views or text is generated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from optimem.model.decoder import LayerCache
from optimem.model.deepseek_ocr.config import DeepSeekConfig
from optimem.model.deepseek_ocr.decoder import TransformerDecoder
from optimem.model.deepseek_ocr.encoder import DeepEncoder
from optimem.model.hardware import FewRowsLinear

MAX_POSITIONS = 8192
"""Positions that the decoder was trained for, prompt and answer together."""


@dataclass(frozen=True)
class Views:
    """An image as the encoder takes it, values −1 to 1: all of it as `overview` (S, S, 3), and
    its `tiles` (n, T, T, 3) in row-major order, `across` of them side by side; None for an image
    that is not tiled."""

    overview: Tensor
    tiles: Tensor | None = None
    across: int = 0

    def to(self, target: torch.device | torch.dtype) -> "Views":
        """The same on a device or in a dtype."""
        tiles = None if self.tiles is None else self.tiles.to(target)
        return Views(self.overview.to(target), tiles, self.across)


class DeepSeekOCR(nn.Module):
    """Encoder, layout, embeddings, decoder and output layer. `positions`: see `MAX_POSITIONS`."""

    positions = MAX_POSITIONS

    def __init__(self, config: DeepSeekConfig) -> None:
        super().__init__()
        self.config = config
        width = config.decoder.width
        self.encoder = DeepEncoder(config.vision)
        self.image_newline = nn.Parameter(torch.zeros(width))
        self.view_separator = nn.Parameter(torch.zeros(width))
        self.embed_tokens = nn.Embedding(config.vocabulary, width)
        self.decoder = TransformerDecoder(config.decoder)
        self.lm_head = FewRowsLinear(width, config.vocabulary)

    def encode(self, pages: Sequence[Views]) -> list[Tensor]:
        """What the decoder sees of each page, (positions, C): tiles, overview, separator.
        Views of one size go through the encoder together."""
        images = [_images(page) for page in pages]
        places = [(p, v) for p, views in enumerate(images) for v in range(len(views))]
        tokens: dict[tuple[int, int], Tensor] = {}
        for size in {images[p][v].shape[-2] for p, v in places}:
            alike = [(p, v) for p, v in places if images[p][v].shape[-2] == size]
            batch = torch.stack([images[p][v] for p, v in alike])
            encoded = self.encoder(batch.to(self.image_newline.dtype))
            tokens |= dict(zip(alike, encoded, strict=True))
        tiles = [[tokens[p, v] for v in range(1, len(views))] for p, views in enumerate(images)]
        return [self.arrange(tokens[p, 0], tiles[p], page.across) for p, page in enumerate(pages)]

    def arrange(self, overview: Tensor, tiles: Sequence[Tensor], across: int) -> Tensor:
        """Tokens (g², C) of the overview and (t², C) of each tile, in the order that the
        decoder was trained on: the tiles as one mosaic, then the overview, each row of tokens
        followed by a newline, then the separator."""
        parts = [self._with_newlines(_square(overview))]
        if tiles:
            grids = torch.stack([_square(tile) for tile in tiles])  # (n, t, t, C)
            n, t, _, C = grids.shape
            mosaic = grids.view(n // across, across, t, t, C).transpose(1, 2)
            parts.insert(0, self._with_newlines(mosaic.reshape(n // across * t, across * t, C)))
        return torch.cat([*parts, self.view_separator[None]])

    def _with_newlines(self, grid: Tensor) -> Tensor:  # (rows, columns, C)
        newline = self.image_newline.expand(len(grid), 1, -1)
        return torch.cat((grid, newline), 1).flatten(0, 1)

    def caches(self, batch: int, capacity: int) -> list[LayerCache]:
        """Empty caches for `batch` sequences of up to `capacity` positions."""
        return self.decoder.caches(batch, capacity, self.image_newline)

    def forward(
        self,
        embedded: Tensor,
        caches: Sequence[LayerCache] | None = None,
        padding: Tensor | None = None,
        last: int = 0,
    ) -> Tensor:
        """Logits (B, N, vocabulary) of embedded positions (B, N, C), of the `last` ones only
        if that is not 0. `caches`, `padding`: see `TransformerDecoder`."""
        return self.lm_head(self.decoder(embedded, caches, padding)[:, -last:])


def _images(page: Views) -> list[Tensor]:
    return [page.overview, *(page.tiles if page.tiles is not None else [])]


def _square(tokens: Tensor) -> Tensor:
    """(g², C) to (g, g, C)."""
    side = int(len(tokens) ** 0.5)
    return tokens.view(side, side, -1)
