"""Layers that both models are built of: the transformer block, patches, learned positions.

Dimensions: B pages, H × W positions of a map, N positions of a sequence, C channels; maps have
their channels last. Every layer takes explicit arguments and knows no configuration.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from optimem.model.attention import Attention


class Block(nn.Module):
    """A pre-norm transformer block over whatever shape its attention takes."""

    def __init__(
        self,
        *,
        dim: int,
        hidden: int,
        attn: Attention,
        eps: float = 1e-6,
        activation: Callable[[Tensor], Tensor] = F.gelu,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.attn = attn
        self.norm2 = nn.LayerNorm(dim, eps=eps)
        self.lin1 = nn.Linear(dim, hidden)
        self.lin2 = nn.Linear(hidden, dim)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:  # (…, C)
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))

    def mlp(self, x: Tensor) -> Tensor:  # (…, C)
        return self.lin2(self.activation(self.lin1(x)))


class PatchConv(nn.Linear):
    """A convolution whose kernel equals its stride, as one matrix product.

    Weight (out, kernel · kernel · channels): rows, columns and channels of a patch, in this
    order.
    """

    def __init__(self, *, kernel: int, channels: int, out: int) -> None:
        super().__init__(kernel * kernel * channels, out)
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        B, H, W, C = x.shape
        k = self.kernel
        x = x.view(B, H // k, k, W // k, k, C).transpose(2, 3)
        x = x.reshape(B, H // k, W // k, k * k * C)
        return super().forward(x)  # (B, H / k, W / k, out)


class TiledPositions(nn.Module):
    """A learned position for each place in a window, repeated over the map.

    The grid may be any multiple of the window.
    """

    def __init__(self, *, size: int, dim: int) -> None:
        super().__init__()
        self.size = size
        self.table = nn.Parameter(torch.randn(1, size, size, dim) * 0.02)

    def forward(self, grid: int) -> Tensor:
        repeats = grid // self.size
        return self.table.repeat(1, repeats, repeats, 1)  # (1, grid, grid, C)


class ResizedPositions(nn.Module):
    """A learned grid of positions, resized (bicubic, antialiased, fp32) to the map's size."""

    def __init__(self, *, size: int, dim: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, size, size, dim) * 0.02)

    def forward(self, grid: int) -> Tensor:
        if grid == self.table.shape[1]:
            return self.table
        table = self.table.permute(0, 3, 1, 2).float()
        table = F.interpolate(table, (grid, grid), mode="bicubic", antialias=True)
        return table.permute(0, 2, 3, 1).to(self.table.dtype)  # (1, grid, grid, C)
