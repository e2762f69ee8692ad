"""SAM's attention against its definition, on small sizes and random weights."""

import pytest
import torch
from torch import nn

from optimem.model import hardware
from optimem.model.attention import attend, from_windows, to_windows
from optimem.model.deepseek_ocr.attention import RelativeAttention


@pytest.mark.parametrize("window", [0, 3])
def test_attention_over_a_map_is_the_same_in_slices_and_by_the_book(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = RelativeAttention(dim=8, heads=2, window=window, size=window or 8).eval()
    nn.init.normal_(layer.relative.h)
    nn.init.normal_(layer.relative.w)
    x = torch.randn(2, 8, 8, 8)
    with torch.no_grad():
        whole = layer(x)
        monkeypatch.setattr(hardware, "SLICE_ELEMENTS_PER_THREAD", 40)
        in_slices = layer(x)
    torch.testing.assert_close(in_slices, whole)
    torch.testing.assert_close(_by_the_book(layer, x, window or 8), whole)


def _by_the_book(layer: RelativeAttention, x: torch.Tensor, size: int) -> torch.Tensor:
    """Zeros around the map, then each pair of positions of a window by itself."""
    rows = -(-x.shape[1] // size) * size
    padded = x.new_zeros(len(x), rows, rows, x.shape[-1])
    padded[:, : x.shape[1], : x.shape[2]] = x

    def biased(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return attend(q, k, v, _bias(layer, q, size))

    y = layer.proj(layer.attend_heads(layer.qkv(to_windows(padded, size)), biased))
    return from_windows(y, size, padded.shape)[:, : x.shape[1], : x.shape[2]]


def _bias(layer: RelativeAttention, q: torch.Tensor, size: int) -> torch.Tensor:
    at = [(n // size, n % size) for n in range(size * size)]
    return torch.stack([
        torch.stack([
            q[..., n, :] @ (layer.relative.h[a - c + size - 1] + layer.relative.w[b - d + size - 1])
            for c, d in at
        ], -1)
        for n, (a, b) in enumerate(at)
    ], -2)  # fmt: skip


def test_positions_of_a_larger_map_are_stretched() -> None:
    layer = RelativeAttention(dim=8, heads=2, window=0, size=4)
    nn.init.ones_(layer.relative.h)
    rows, columns = layer.relative(torch.ones(1, 2, 36, 4), 6)
    torch.testing.assert_close(rows, torch.full((1, 2, 36, 6), 4.0))
    assert not columns.any()
