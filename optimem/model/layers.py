"""Layers that the encoder's stages and the decoder are built of.

Dimensions: B pages, H × W positions of a map, N positions of a sequence, C channels.
Knows no configuration: every layer takes explicit arguments.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
    """Softmax attention over (B, heads, N, head_dim), with an additive bias (…, N, N).

    Training on a CPU writes the products out: torch 2.13's fused CPU backward takes several
    times as long at these sizes.
    """
    if not (torch.is_grad_enabled() and q.device.type == "cpu"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    if bias is not None:
        scores = scores + bias
    return scores.softmax(-1).to(v.dtype) @ v


class Attention(nn.Module):
    """Multi-head self-attention with one matrix for query, key and value (in this order)."""

    def __init__(self, *, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        B, N, C = x.shape
        qkv = self.qkv(x).view(B, N, 3, self.heads, C // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, N, head_dim)
        return self.proj(attend(q, k, v).transpose(1, 2).reshape(B, N, C))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, *, dim: int, heads: int, hidden: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.attn = Attention(dim=dim, heads=heads)
        self.norm2 = nn.LayerNorm(dim, eps=eps)
        self.lin1 = nn.Linear(dim, hidden)
        self.lin2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:  # (B, N, C)
        x = x + self.attn(self.norm1(x))
        return x + self.lin2(F.gelu(self.lin1(self.norm2(x))))


def to_windows(x: Tensor, size: int) -> Tensor:
    """(B, H, W, C) cut into windows of size × size: (B · windows, size², C)."""
    B, H, W, C = x.shape
    x = x.view(B, H // size, size, W // size, size, C).transpose(2, 3)
    return x.reshape(-1, size * size, C)


def from_windows(x: Tensor, size: int, shape: torch.Size) -> Tensor:
    """The inverse of `to_windows` for a map of `shape` (B, H, W, C)."""
    B, H, W, C = shape
    x = x.view(B, H // size, W // size, size, size, C).transpose(2, 3)
    return x.reshape(B, H, W, C)


class PatchConv(nn.Linear):
    """A convolution whose kernel equals its stride, as one matrix product.

    Weight (out, kernel · kernel · in): rows, columns and channels of a patch in this order.
    """

    def __init__(self, *, kernel: int, channels: int, out: int) -> None:
        super().__init__(kernel * kernel * channels, out)
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        B, H, W, C = x.shape
        k = self.kernel
        x = x.view(B, H // k, k, W // k, k, C).transpose(2, 3)
        return super().forward(x.reshape(B, H // k, W // k, k * k * C))


class TiledPositions(nn.Module):
    """One learned window of positions, repeated over the map: where in its window a patch is.

    Any grid that is a multiple of the window has the positions that were learned.
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
