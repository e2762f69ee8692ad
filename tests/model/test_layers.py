"""The layers that both models are built of, on small sizes and random weights."""

import torch
from torch import nn

from optimem.model.attention import Attention
from optimem.model.layers import Block, PatchConv, ResizedPositions, TiledPositions


def test_a_patch_convolution_is_a_convolution() -> None:
    layer = PatchConv(kernel=4, channels=3, out=5)
    x = torch.randn(2, 8, 12, 3)
    kernel = layer.weight.view(5, 4, 4, 3).permute(0, 3, 1, 2)
    expected = nn.functional.conv2d(x.permute(0, 3, 1, 2), kernel, layer.bias, stride=4)
    torch.testing.assert_close(layer(x), expected.permute(0, 2, 3, 1))


def test_a_block_without_branches_changes_nothing() -> None:
    block = Block(dim=8, hidden=16, attn=Attention(dim=8, heads=2))
    x = torch.randn(2, 5, 8)
    assert not torch.allclose(block(x), x)
    for layer in (block.attn.proj, block.lin2):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    assert torch.equal(block(x), x)


def test_tiled_positions_repeat_their_window() -> None:
    positions = TiledPositions(size=2, dim=3)
    grid = positions(6)
    assert grid.shape == (1, 6, 6, 3)
    assert torch.equal(grid[:, 2:4, 4:6], positions.table)


def test_resized_positions_are_those_learned_at_their_own_size() -> None:
    positions = ResizedPositions(size=4, dim=3)
    assert torch.equal(positions(4), positions.table)
    nn.init.ones_(positions.table)
    torch.testing.assert_close(positions(7), torch.ones(1, 7, 7, 3))
