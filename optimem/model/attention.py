"""Self-attention of the encoder: over a sequence, or over a map in windows or as a whole.

Dimensions: B pages, H × W positions of a map, N positions of a sequence, C channels.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ELEMENTS = 1 << 26
"""Largest tensor that attention makes at a time: 256 MB in fp32. The bias of a map of
80 × 80 positions would need 2 GB for all heads of SAM-B at once."""
ELEMENTS_OF_A_THREAD = 1 << 21
"""The same on a CPU, for each thread: 8 MB in fp32. What is larger than 32 MB, glibc's malloc
maps afresh each time, and faulting its pages in takes longer than the arithmetic on them."""

SHORT = 32
"""Rows of a map that a broadcast sum goes through too slowly in bf16, four times as slowly as
a product with zeros and ones; in longer rows the sum is the faster."""


def at_once(x: Tensor, elements: int) -> int:
    """How many rows, of which each makes so many elements on the way, are worked on together:
    all that the device takes well, and at least one."""
    if x.device.type == "cpu":
        return max(ELEMENTS_OF_A_THREAD * torch.get_num_threads() // elements, 1)
    return max(ELEMENTS // elements, 1)


def in_parts(work: Callable[[Tensor], Tensor], x: Tensor, rows: int, dim: int = 0) -> Tensor:
    """`work` on so many rows of x at a time; in training, on all of them."""
    if torch.is_grad_enabled() or x.shape[dim] <= rows:
        return work(x)
    return torch.cat([work(part) for part in x.split(rows, dim)], dim)


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
    """(B, H, W, …) cut into windows of size × size: (B · windows, size², …)."""
    B, H, W = x.shape[:3]
    x = x.view(B, H // size, size, W // size, size, *x.shape[3:]).transpose(2, 3)
    return x.reshape(-1, size * size, *x.shape[5:])


def from_windows(x: Tensor, size: int, shape: torch.Size) -> Tensor:
    """The inverse of `to_windows`, (B, H, W, C), for a map of `shape` (B, H, W, …)."""
    B, H, W = shape[:3]
    x = x.view(B, H // size, W // size, size, size, -1).transpose(2, 3)
    return x.reshape(B, H, W, -1)


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

    def forward(self, q: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """By the row and by the column of the key, (B, heads, N, side) each, for unscaled
        queries (B, heads, N, head_dim), N = side². The bias of a pair is their sum."""
        q = q.unflatten(2, (side, side))
        down = torch.einsum("bnhwc,hkc->bnhwk", q, self._between(self.h, side))
        across = torch.einsum("bnhwc,wkc->bnhwk", q, self._between(self.w, side))
        return down.flatten(2, 3), across.flatten(2, 3)

    def _between(self, table: Tensor, side: int) -> Tensor:
        """Entries for each pair of positions along one axis, (side, side, head_dim)."""
        if len(table) != 2 * side - 1:
            resized = F.interpolate(table.float().T[None], 2 * side - 1, mode="linear")
            table = resized[0].T.to(table.dtype)
        at = torch.arange(side, device=table.device)
        return table[at[:, None] - at[None, :] + side - 1]


def pairwise(down: Tensor, across: Tensor) -> Tensor:
    """The sum for each key of a map, (…, side²), of its row's entry of `down` and its column's
    of `across`, (…, side) each."""
    side = down.shape[-1]
    if side >= SHORT:
        return (down[..., :, None] + across[..., None, :]).flatten(-2)
    at, one = torch.arange(side, device=down.device), torch.eye(side).to(down)
    pattern = torch.cat((one[:, at.repeat_interleave(side)], one[:, at.repeat(side)]))
    return torch.cat((down, across), -1) @ pattern  # exact: two terms that are not zero


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
        if self.relative is None:
            return self._in_windows(x)
        B, H, W, C = x.shape
        size = self.window or H
        bands = at_once(x, 3 * B * size * W * C)  # of windows side by side
        return in_parts(self._in_windows, x, bands * size, 1)

    def _in_windows(self, x: Tensor) -> Tensor:
        _, H, W, C = x.shape
        size = self.window or H
        filled = self._filled(self.qkv(x), size)
        qkv = to_windows(filled.unflatten(-1, (3, self.heads, C // self.heads)), size)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B · windows, heads, size², head_dim)
        y = self._attend(q, k, v, size).transpose(1, 2).flatten(2)
        y = from_windows(y, size, filled.shape)
        return self.proj(y[:, :H, :W].contiguous())  # a strided bf16 product is slow

    def _filled(self, qkv: Tensor, size: int) -> Tensor:
        """(B, H, W, 3C) filled up to whole windows with what zeros would have become."""
        B, H, W, C = qkv.shape
        if H % size == 0 and W % size == 0:
            return qkv
        filled = self.qkv.bias.expand(B, H + -H % size, W + -W % size, C).clone()
        filled[:, :H, :W] = qkv
        return filled

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, size: int) -> Tensor:
        if self.relative is None:
            return attend(q, k, v)
        B, heads, N, _ = q.shape
        down, across = self.relative(q, size)
        some = min(at_once(q, B * N * N), heads)
        heads_apart = (x.split(some, 1) for x in (q, k, v, down, across))
        return torch.cat(
            [self._attend_by_position(*parts) for parts in zip(*heads_apart, strict=True)], 1
        )

    def _attend_by_position(
        self, q: Tensor, k: Tensor, v: Tensor, down: Tensor, across: Tensor
    ) -> Tensor:
        B, heads, N, _ = q.shape
        some = at_once(q, B * heads * N)
        queries_apart = (x.split(some, 2) for x in (q, down, across))
        return torch.cat(
            [
                attend(part, k, v, pairwise(rows, columns))
                for part, rows, columns in zip(*queries_apart, strict=True)
            ],
            2,
        )
