"""Self-attention of the encoder: over a sequence, or over a map in windows or as a whole.

Dimensions: B pages, H × W positions of a map, N positions of a sequence, C channels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BIAS_ELEMENTS = 1 << 26
"""Largest position bias that is held at a time: 256 MB in fp32. A map of 80 × 80 positions
would need 2 GB for all heads of SAM-B at once."""


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


class Attention(nn.Module):
    """Multi-head self-attention with one matrix for query, key and value (in this order)."""

    def __init__(self, *, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def split(self, x: Tensor) -> tuple[Tensor, ...]:
        """Query, key and value of (B, N, C): (B, heads, N, head_dim) each."""
        B, N, C = x.shape
        qkv = self.qkv(x).view(B, N, 3, self.heads, C // self.heads)
        return qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, N, head_dim)

    def merge(self, y: Tensor) -> Tensor:
        """The heads' outputs (B, heads, N, head_dim) to (B, N, C)."""
        return self.proj(y.transpose(1, 2).flatten(2))

    def forward(self, x: Tensor) -> Tensor:  # (B, N, C)
        return self.merge(attend(*self.split(x)))


class RelativePositions(nn.Module):
    """How much two positions of a map matter to one another by their distance down and
    across, each from its own table (SAM's decomposed relative positions).

    `size`: side of the map that the tables were made for. Other sizes resize them linearly
    in fp32.
    """

    def __init__(self, *, size: int, head_dim: int) -> None:
        super().__init__()
        self.h = nn.Parameter(torch.zeros(2 * size - 1, head_dim))
        self.w = nn.Parameter(torch.zeros(2 * size - 1, head_dim))

    def forward(self, q: Tensor, side: int) -> Tensor:
        """The bias (B, heads, N, N) for unscaled queries (B, heads, N, head_dim), N = side²."""
        B, heads, N, _ = q.shape
        q = q.unflatten(2, (side, side))
        down = torch.einsum("bnhwc,hkc->bnhwk", q, self._between(self.h, side))
        across = torch.einsum("bnhwc,wkc->bnhwk", q, self._between(self.w, side))
        return (down[..., :, None] + across[..., None, :]).reshape(B, heads, N, N)

    def _between(self, table: Tensor, side: int) -> Tensor:
        """Entries for each pair of positions along one axis, (side, side, head_dim)."""
        if len(table) != 2 * side - 1:
            resized = F.interpolate(table.float().T[None], 2 * side - 1, mode="linear")
            table = resized[0].T.to(table.dtype)
        at = torch.arange(side, device=table.device)
        return table[at[:, None] - at[None, :] + side - 1]


class MapAttention(Attention):
    """Attention over a map (B, H, W, C). `window`: side of the windows within which positions
    see one another; 0 for the whole map, which is then square. A map that does not divide
    into windows is filled up with zeros, which take part. `relative`: side of the map that
    relative positions were learned for; 0 for none.
    """

    def __init__(self, *, dim: int, heads: int, window: int = 0, relative: int = 0) -> None:
        super().__init__(dim=dim, heads=heads)
        self.window = window
        self.relative = (
            RelativePositions(size=relative, head_dim=dim // heads) if relative else None
        )

    def forward(self, x: Tensor) -> Tensor:
        _, H, W, _ = x.shape
        size = self.window or H
        if H % size or W % size:
            x = F.pad(x, (0, 0, 0, -W % size, 0, -H % size))
        q, k, v = self.split(to_windows(x, size))
        y = self.merge(self._attend(q, k, v, size))
        return from_windows(y, size, x.shape)[:, :H, :W]

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, size: int) -> Tensor:
        if self.relative is None:
            return attend(q, k, v)
        at_once = max(BIAS_ELEMENTS // (len(q) * size**4), 1)  # heads
        parts = zip(q.split(at_once, 1), k.split(at_once, 1), v.split(at_once, 1), strict=True)
        return torch.cat([attend(a, b, c, self.relative(a, size)) for a, b, c in parts], 1)
