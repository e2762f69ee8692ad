"""Attention over sequences and within windows of maps."""

import torch

from optimem.model.attention import (
    Attention,
    WindowAttention,
    attend,
    from_windows,
    to_windows,
)


def test_attention_is_the_same_with_and_without_gradients() -> None:
    q, k, v = torch.randn(3, 2, 4, 9, 8).unbind(0)
    written_out = attend(q, k, v)
    with torch.no_grad():
        fused = attend(q, k, v)
    torch.testing.assert_close(written_out, fused)


def test_a_bias_moves_attention() -> None:
    q, k, v = torch.randn(3, 1, 1, 4, 8).unbind(0)
    bias = torch.full((4, 4), float("-inf"))
    bias[:, 2] = 0
    torch.testing.assert_close(attend(q, k, v, bias), v[:, :, 2:3].expand_as(v))


def test_windows_come_back() -> None:
    x = torch.randn(2, 8, 16, 3)
    assert torch.equal(from_windows(to_windows(x, 4), 4, x.shape), x)


def test_a_window_holds_neighbours_row_by_row() -> None:
    x = torch.arange(16).view(1, 4, 4, 1)
    assert to_windows(x, 2)[1, :, 0].tolist() == [2, 3, 6, 7]


def test_a_window_is_a_sequence_of_its_own() -> None:
    layer = WindowAttention(dim=8, heads=2, window=4)
    alone = Attention(dim=8, heads=2)
    alone.load_state_dict(layer.state_dict())
    x = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        window = alone(x[:, :, 4:].flatten(1, 2)).view(2, 4, 4, 8)
        torch.testing.assert_close(layer(x)[:, :, 4:], window)
