"""SAM's attention over a map: within windows or over the whole, with relative positions.

Dimensions as in `optimem.model.attention`. Large maps are computed in slices; why, and how
large a slice is, `optimem.model.hardware` says.
"""

from math import isqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from optimem.model.attention import Attention, attend, from_windows, to_windows
from optimem.model.hardware import in_slices, outer_sum, slice_length


class RelativePositions(nn.Module):
    """SAM's decomposed relative positions: an attention bias from the vertical and the
    horizontal distance of two positions, each with a table of its own.

    `size`: side of the map that the tables are made for; for other sides they are resized
    (linear, fp32).
    """

    def __init__(self, *, size: int, head_dim: int) -> None:
        super().__init__()
        self.h = nn.Parameter(torch.zeros(2 * size - 1, head_dim))
        self.w = nn.Parameter(torch.zeros(2 * size - 1, head_dim))

    def forward(self, q: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Bias by the key's row and by its column, (B, heads, N, side) each, for unscaled
        queries (B, heads, N, head_dim), N = side². A pair's bias is the sum of the two."""
        q = q.unflatten(2, (side, side))  # (B, heads, side, side, head_dim)
        rows = torch.einsum("bnhwc,hkc->bnhwk", q, self._pairs(self.h, side))
        columns = torch.einsum("bnhwc,wkc->bnhwk", q, self._pairs(self.w, side))
        return rows.flatten(2, 3), columns.flatten(2, 3)  # (B, heads, N, side)

    def _pairs(self, table: Tensor, side: int) -> Tensor:
        """The table's entry for each pair of positions on one axis, (side, side, head_dim)."""
        if len(table) != 2 * side - 1:
            resized = F.interpolate(table.float().T[None], 2 * side - 1, mode="linear")
            table = resized[0].T.to(table.dtype)
        index = torch.arange(side, device=table.device)
        return table[index[:, None] - index[None, :] + side - 1]


class RelativeAttention(Attention):
    """Attention over a map (B, H, W, C) with relative positions.

    `window`: side of the windows; 0 for attention over the whole map, which must then be square.
    A map that does not divide into windows is padded with zeros, which take part as keys.
    `size`: side of the map that the relative positions are made for.
    """

    def __init__(self, *, dim: int, heads: int, window: int, size: int) -> None:
        super().__init__(dim=dim, heads=heads)
        self.window = window
        self.relative = RelativePositions(size=size, head_dim=dim // heads)

    def forward(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        B, H, W, C = x.shape
        size = self.window or H
        bands = slice_length(x.device, 3 * B * size * W * C)  # rows of windows
        return in_slices(self._attend_map, x, bands * size, 1)

    def _attend_map(self, x: Tensor) -> Tensor:  # (B, H, W, C)
        _, H, W, _ = x.shape
        size = self.window or H
        qkv = self._padded(self.qkv(x), size)
        y = self.attend_heads(to_windows(qkv, size), self._attend)  # (B · windows, size², C)
        y = from_windows(y, size, qkv.shape)[:, :H, :W]
        return self.proj(y.contiguous())  # a product of strided bf16 is slow

    def _padded(self, qkv: Tensor, size: int) -> Tensor:
        """(B, H, W, 3C) padded to whole windows with the projection of zeros."""
        B, H, W, C = qkv.shape
        if H % size == 0 and W % size == 0:
            return qkv
        padded = self.qkv.bias.expand(B, H + -H % size, W + -W % size, C).clone()
        padded[:, :H, :W] = qkv
        return padded

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Some heads at a time, since each has a bias (B, N, N) of its own."""
        B, heads, N, _ = q.shape
        rows, columns = self.relative(q, isqrt(N))
        length = min(slice_length(q.device, B * N * N), heads)
        slices = (x.split(length, 1) for x in (q, k, v, rows, columns))
        return torch.cat([_attend_queries(*part) for part in zip(*slices, strict=True)], 1)


def _attend_queries(q: Tensor, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Some queries at a time: a bias (B, heads, N, N) may be too large even for one head."""
    B, heads, N, _ = q.shape
    length = slice_length(q.device, B * heads * N)
    slices = (x.split(length, 2) for x in (q, rows, columns))
    biased = [
        attend(queries, k, v, outer_sum(by_row, by_column))
        for queries, by_row, by_column in zip(*slices, strict=True)
    ]
    return torch.cat(biased, 2)  # (B, heads, N, head_dim)
