"""DeepEncoder: a page image to vision tokens, one for each 64 × 64 pixels.

The structure of DeepSeek-OCR's (arXiv 2510.18234, section 3.2): window attention over
16-px patches, a 16× convolutional compressor, global attention over what is left, and a
projector that sees both the global features and the compressed map.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from optimem.model.config import EncoderConfig
from optimem.model.layers import (
    Block,
    PatchConv,
    ResizedPositions,
    TiledPositions,
    from_windows,
    to_windows,
)


class Encoded(NamedTuple):
    """`tokens` (B, g², token_dim), and the maps they came from, which auxiliary heads read:
    `patches` (B, 4g, 4g, width) and `halved` (B, 2g, 2g, half_width)."""

    tokens: Tensor
    patches: Tensor
    halved: Tensor


class WindowedStage(nn.Module):
    """Patches of the image, attending within windows."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.window = config.window
        self.patch_embed = PatchConv(
            kernel=config.patch, channels=config.channels, out=config.width
        )
        self.positions = TiledPositions(size=config.window, dim=config.width)
        self.blocks = nn.ModuleList(
            Block(dim=config.width, heads=config.heads, hidden=config.hidden)
            for _ in range(config.depth)
        )

    def forward(self, image: Tensor) -> Tensor:  # (B, S, S, channels)
        x = self.patch_embed(image)
        x = x + self.positions(x.shape[1])
        shape = x.shape
        x = to_windows(x, self.window)
        for block in self.blocks:
            x = block(x)
        return from_windows(x, self.window, shape)  # (B, 4g, 4g, width)


class Compressor(nn.Module):
    """Two convolutions of stride 2: sixteen patches to one token."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.net_2 = PatchConv(kernel=2, channels=config.width, out=config.half_width)
        self.net_3 = PatchConv(kernel=2, channels=config.half_width, out=config.global_width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        patches = self.norm(x)
        halved = self.net_2(patches)
        return patches, halved, self.net_3(F.gelu(halved))  # (B, g, g, global_width)


class GlobalStage(nn.Module):
    """Attention over all positions of the compressed map."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.positions = ResizedPositions(size=config.grid, dim=config.global_width)
        self.blocks = nn.ModuleList(
            Block(dim=config.global_width, heads=config.global_heads, hidden=config.global_hidden)
            for _ in range(config.global_depth)
        )
        self.norm = nn.LayerNorm(config.global_width)

    def forward(self, x: Tensor) -> Tensor:  # (B, g, g, C)
        x = (x + self.positions(x.shape[1])).flatten(1, 2)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)  # (B, g², C)


class DeepEncoder(nn.Module):
    """Page images (B, S, S, channels), S a multiple of 64 · window / 4, to vision tokens."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.windowed = WindowedStage(config)
        self.compressor = Compressor(config)
        self.globals = GlobalStage(config)
        self.projector = nn.Linear(2 * config.global_width, config.token_dim)

    def forward(self, image: Tensor) -> Encoded:
        patches, halved, compressed = self.compressor(self.windowed(image))
        features = torch.cat((self.globals(compressed), compressed.flatten(1, 2)), -1)
        return Encoded(self.projector(features), patches, halved)
