"""DeepEncoder: a page image to vision tokens, one for each 64 × 64 pixels.

The structure of DeepSeek-OCR (arXiv 2510.18234, section 3.2): window attention over 16-px
patches, a 16× convolutional compressor, global attention over what is left, and a projector
that sees both the global features and the compressed map. One set of classes: `nano_encoder`
sizes it for the model that this project trains, `deepseek_encoder` for the released one.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from optimem.model.attention import Attention, MapAttention
from optimem.model.config import DeepSeekVisionConfig, EncoderConfig
from optimem.model.layers import (
    Block,
    ClassToken,
    MapConv,
    PartedBlock,
    PatchConv,
    ResizedPositions,
    TiledPositions,
    quick_gelu,
)


class Encoded(NamedTuple):
    """`tokens` (B, g², token_dim), and the maps they came from, which auxiliary heads read:
    `patches` (B, 4g, 4g, …) and `halved` (B, 2g, 2g, …)."""

    tokens: Tensor
    patches: Tensor
    halved: Tensor


class WindowedStage(nn.Module):
    """Patches of the image, attending within windows, in some blocks over the whole."""

    def __init__(
        self, *, patch_embed: PatchConv, positions: nn.Module, blocks: Iterable[Block]
    ) -> None:
        super().__init__()
        self.patch_embed, self.positions = patch_embed, positions
        self.blocks = nn.ModuleList(blocks)

    def forward(self, image: Tensor) -> Tensor:  # (B, S, S, channels)
        x = self.patch_embed(image)
        x = x + self.positions(x.shape[1])
        for block in self.blocks:
            x = block(x)
        return x  # (B, 4g, 4g, C)


class PatchCompressor(nn.Module):
    """Two convolutions of stride 2 that do not overlap: sixteen patches to one token."""

    def __init__(self, *, width: int, half_width: int, out: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.net_2 = PatchConv(kernel=2, channels=width, out=half_width)
        self.net_3 = PatchConv(kernel=2, channels=half_width, out=out)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        patches = self.norm(x)
        halved = self.net_2(patches)
        return patches, halved, self.net_3(F.gelu(halved))  # (B, g, g, out)


class NeckCompressor(nn.Module):
    """SAM's neck and two overlapping convolutions of stride 2, as the released model has
    them: no biases, and no activation between."""

    def __init__(self, *, width: int, neck: int, half_width: int, out: int) -> None:
        super().__init__()
        self.neck = nn.Sequential(
            MapConv(width, neck, 1, bias=False),
            nn.LayerNorm(neck, eps=1e-6),
            MapConv(neck, neck, 3, padding=1, bias=False),
            nn.LayerNorm(neck, eps=1e-6),
        )
        self.net_2 = MapConv(neck, half_width, 3, stride=2, padding=1, bias=False)
        self.net_3 = MapConv(half_width, out, 3, stride=2, padding=1, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        patches = self.neck(x)
        halved = self.net_2(patches)
        return patches, halved, self.net_3(halved)  # (B, g, g, out)


class GlobalStage(nn.Module):
    """Attention over all positions of the compressed map. `before`, `norm`: what is applied
    before and after the blocks. `prefix`: a token in front that is left out in the end."""

    def __init__(
        self,
        *,
        positions: ResizedPositions,
        blocks: Iterable[Block],
        before: nn.Module,
        norm: nn.Module,
        prefix: ClassToken | None = None,
    ) -> None:
        super().__init__()
        self.positions, self.prefix = positions, prefix
        self.before, self.blocks, self.norm = before, nn.ModuleList(blocks), norm

    def forward(self, x: Tensor) -> Tensor:  # (B, g, g, C)
        grid = x.shape[1]
        x = (x + self.positions(grid)).flatten(1, 2)  # (B, g², C)
        x = self.before(self.prefix(x) if self.prefix else x)
        for block in self.blocks:
            x = block(x)
        return self.norm(x[:, -grid * grid :])  # (B, g², C)


class DeepEncoder(nn.Module):
    """Page images (B, S, S, channels), S a multiple of 64, to vision tokens."""

    def __init__(
        self,
        *,
        windowed: WindowedStage,
        compressor: nn.Module,
        globals: GlobalStage,
        projector: nn.Linear,
    ) -> None:
        super().__init__()
        self.windowed, self.compressor = windowed, compressor
        self.globals, self.projector = globals, projector

    def forward(self, image: Tensor) -> Encoded:
        patches, halved, compressed = self.compressor(self.windowed(image))
        features = torch.cat((self.globals(compressed), compressed.flatten(1, 2)), -1)
        return Encoded(self.projector(features), patches, halved)


def nano_encoder(config: EncoderConfig) -> DeepEncoder:
    """The encoder of `optimem-nano`. S is a multiple of 16 · window."""
    width, wide = config.width, config.global_width

    def windowed_block() -> Block:
        attn = MapAttention(dim=width, heads=config.heads, window=config.window)
        return Block(dim=width, hidden=config.hidden, attn=attn)

    def global_block() -> Block:
        attn = Attention(dim=wide, heads=config.global_heads)
        return Block(dim=wide, hidden=config.global_hidden, attn=attn)

    return DeepEncoder(
        windowed=WindowedStage(
            patch_embed=PatchConv(kernel=config.patch, channels=config.channels, out=width),
            positions=TiledPositions(size=config.window, dim=width),
            blocks=(windowed_block() for _ in range(config.depth)),
        ),
        compressor=PatchCompressor(width=width, half_width=config.half_width, out=wide),
        globals=GlobalStage(
            positions=ResizedPositions(size=config.grid, dim=wide),
            blocks=(global_block() for _ in range(config.global_depth)),
            before=nn.Identity(),
            norm=nn.LayerNorm(wide),
        ),
        projector=nn.Linear(2 * wide, config.token_dim),
    )


def deepseek_encoder(config: DeepSeekVisionConfig) -> DeepEncoder:
    """The encoder of DeepSeek-OCR: SAM-B, its neck and the compressor, then CLIP-L fed by
    them."""
    width, wide = config.width, config.global_width

    def windowed_block(index: int) -> Block:
        window = 0 if index in config.global_blocks else config.window
        attn = MapAttention(
            dim=width, heads=config.heads, window=window, relative=window or config.patch_grid
        )
        return PartedBlock(dim=width, hidden=config.hidden, attn=attn)

    def global_block() -> Block:
        attn = Attention(dim=wide, heads=config.global_heads)
        return Block(
            dim=wide, hidden=config.global_hidden, attn=attn, eps=1e-5, activation=quick_gelu
        )

    return DeepEncoder(
        windowed=WindowedStage(
            patch_embed=PatchConv(kernel=config.patch, channels=3, out=width),
            positions=ResizedPositions(size=config.patch_grid, dim=width),
            blocks=(windowed_block(index) for index in range(config.depth)),
        ),
        compressor=NeckCompressor(
            width=width, neck=config.neck, half_width=config.half_width, out=wide
        ),
        globals=GlobalStage(
            positions=ResizedPositions(size=config.grid, dim=wide),
            blocks=(global_block() for _ in range(config.global_depth)),
            before=nn.LayerNorm(wide, eps=1e-5),
            norm=nn.Identity(),
            prefix=ClassToken(dim=wide),
        ),
        projector=nn.Linear(2 * wide, config.token_dim),
    )
