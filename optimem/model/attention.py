"""Self-attention over a sequence, or over a map within windows.

Dimensions: B pages, H × W positions of a map, N positions of a sequence, C channels. Knows
neither masks nor rotary positions; those are the decoder's.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values (B, heads, N, head_dim) to outputs of the same shape."""


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
    """Softmax attention over (B, heads, N, head_dim), with an additive bias (…, N, N).

    Training on a CPU spells the products out: the backward pass of torch 2.13's fused kernel
    takes several times as long there.
    """
    if not (torch.is_grad_enabled() and q.device.type == "cpu"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)  # (B, heads, N, N)
    if bias is not None:
        scores = scores + bias
    return scores.softmax(-1).to(v.dtype) @ v


def to_windows(x: Tensor, size: int) -> Tensor:
    """Cut a map (B, H, W, …) into windows of size × size: (B · windows, size², …)."""
    B, H, W = x.shape[:3]
    x = x.view(B, H // size, size, W // size, size, *x.shape[3:]).transpose(2, 3)
    return x.reshape(-1, size * size, *x.shape[5:])  # (B · windows, size², …)


def from_windows(x: Tensor, size: int, shape: torch.Size) -> Tensor:
    """The inverse of `to_windows`, (B, H, W, C), for a map of `shape` (B, H, W, …)."""
    B, H, W = shape[:3]
    x = x.view(B, H // size, W // size, size, size, -1).transpose(2, 3)
    return x.reshape(B, H, W, -1)  # (B, H, W, C)


class Attention(nn.Module):
    """Multi-head self-attention over a sequence (B, N, C). One matrix makes queries, keys and
    values, in this order."""

    def __init__(self, *, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:  # (B, N, C)
        return self.proj(self.attend_heads(self.qkv(x)))

    def attend_heads(self, qkv: Tensor, attend: Attend = attend) -> Tensor:
        """Every head on its share of (B, N, 3C): (B, N, C)."""
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        y = attend(q, k, v)  # (B, heads, N, head_dim)
        return y.transpose(1, 2).flatten(2)  # (B, N, C)


class WindowAttention(Attention):
    """Attention over a map (B, H, W, C) within windows of `window` × `window` positions. The
    map must divide into windows."""

    def __init__(self, *, dim: int, heads: int, window: int) -> None:
        super().__init__(dim=dim, heads=heads)
        self.window = window

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        qkv = to_windows(self.qkv(x), self.window)  # (B · windows, window², 3C)
        y = self.attend_heads(qkv)
        return self.proj(from_windows(y, self.window, x.shape))  # (B, H, W, C)
