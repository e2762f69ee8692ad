"""DeepSeek-OCR's encoder: a page image to vision tokens, one for each 64 × 64 pixels.

Structure: arXiv 2510.18234, section 3.2. SAM-B attends within windows of 16-px patches, two
convolutions make one position of sixteen, CLIP-L attends over all that are left, and a
projector sees both its output and its input. Shapes below are the released model's.
"""

import torch
from torch import Tensor, nn

from optimem.model.attention import Attention
from optimem.model.deepseek_ocr.attention import RelativeAttention
from optimem.model.deepseek_ocr.config import EncoderConfig
from optimem.model.hardware import in_slices, slice_length
from optimem.model.layers import Block, PatchConv, ResizedPositions


def quick_gelu(x: Tensor) -> Tensor:
    """CLIP's approximation of GELU."""
    return x * (1.702 * x).sigmoid()


class SlicedBlock(Block):
    """A block whose MLP works on a slice of the positions at a time, for large maps."""

    def mlp(self, x: Tensor) -> Tensor:  # (…, C)
        length = slice_length(x.device, self.lin1.out_features)
        return in_slices(super().mlp, x.flatten(0, -2), length).view_as(x)


class MapConv(nn.Conv2d):
    """A convolution without a bias over a map with its channels last."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        return super().forward(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class ClassToken(nn.Module):
    """A learned token in front of a sequence, with a position of its own."""

    def __init__(self, *, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(dim))
        self.position = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:  # (B, N, C) to (B, 1 + N, C)
        return torch.cat(((self.embedding + self.position).expand(len(x), 1, -1), x), 1)


class DeepEncoder(nn.Module):
    """Images (B, S, S, 3), values −1 to 1, S a multiple of 64, to tokens (B, g², token_dim),
    g = S / 64."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width, neck, wide = config.width, config.neck, config.global_width
        # SAM-B
        self.patch_embed = PatchConv(kernel=config.patch, channels=3, out=width)
        self.patch_positions = ResizedPositions(size=config.patch_grid, dim=width)
        self.window_blocks = nn.ModuleList(
            _window_block(config, index) for index in range(config.depth)
        )
        self.neck = nn.Sequential(
            MapConv(width, neck, 1),
            nn.LayerNorm(neck, eps=1e-6),
            MapConv(neck, neck, 3),
            nn.LayerNorm(neck, eps=1e-6),
        )
        # the 16× compressor, without an activation between
        self.net_2 = MapConv(neck, config.half_width, 3, stride=2)
        self.net_3 = MapConv(config.half_width, wide, 3, stride=2)
        # CLIP-L
        self.global_positions = ResizedPositions(size=config.grid, dim=wide)
        self.class_token = ClassToken(dim=wide)
        self.ln_pre = nn.LayerNorm(wide, eps=1e-5)
        self.global_blocks = nn.ModuleList(
            _global_block(config) for _ in range(config.global_depth)
        )
        self.projector = nn.Linear(2 * wide, config.token_dim)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch_embed(images)  # (B, 4g, 4g, 768)
        x = x + self.patch_positions(x.shape[1])
        for block in self.window_blocks:
            x = block(x)
        compressed = self.net_3(self.net_2(self.neck(x)))  # (B, g, g, 1024)
        x = compressed + self.global_positions(compressed.shape[1])
        x = self.ln_pre(self.class_token(x.flatten(1, 2)))  # (B, 1 + g², 1024)
        for block in self.global_blocks:
            x = block(x)
        features = torch.cat((x[:, 1:], compressed.flatten(1, 2)), -1)  # (B, g², 2048)
        return self.projector(features)  # (B, g², 1280)


def _window_block(config: EncoderConfig, index: int) -> Block:
    window = 0 if index in config.global_blocks else config.window
    size = window or config.patch_grid
    attn = RelativeAttention(dim=config.width, heads=config.heads, window=window, size=size)
    return SlicedBlock(dim=config.width, hidden=config.hidden, attn=attn)


def _global_block(config: EncoderConfig) -> Block:
    dim, hidden = config.global_width, config.global_hidden
    attn = Attention(dim=dim, heads=config.global_heads)
    return Block(dim=dim, hidden=hidden, attn=attn, eps=1e-5, activation=quick_gelu)
