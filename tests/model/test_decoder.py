"""The decoder's blocks, on small sizes and random weights."""

import pytest
import torch

from optimem.model.decoder import (
    DecoderAttention,
    DecoderBlock,
    GatedMLP,
    LayerCache,
    MixtureOfExperts,
    rotary,
    rotate,
)


def experts() -> MixtureOfExperts:
    return MixtureOfExperts(width=32, experts=4, top_k=2, expert_hidden=16, shared_hidden=24)


def test_experts_grouped_equal_experts_one_position_at_a_time() -> None:
    layer = experts().eval()
    x = torch.randn(2, 7, 32)
    weights, chosen = layer.route(x.flatten(0, 1))
    expected = torch.stack(
        [
            sum(w * layer.experts[int(e)](row) for w, e in zip(ws, es, strict=True))
            for row, ws, es in zip(x.flatten(0, 1), weights, chosen, strict=True)
        ]
    )
    expected = expected.view_as(x) + layer.shared_experts(x)
    torch.testing.assert_close(layer(x), expected, atol=1e-6, rtol=1e-5)


def test_the_router_keeps_its_weights_and_balances_in_training() -> None:
    layer = experts()
    weights, chosen = layer.route(torch.randn(50, 32))
    assert (weights.sum(-1) < 1).all()
    assert chosen.shape == (50, 2)
    assert layer.balance is not None
    assert layer.balance.item() == pytest.approx(1, abs=0.5)


def test_rotary_attention_depends_on_distance_alone() -> None:
    q, k = torch.randn(2, 1, 1, 1, 8).unbind(0)

    def score(first: int, second: int) -> torch.Tensor:
        turned = (rotate(x, rotary(torch.tensor([[at]]), 8)) for x, at in ((q, first), (k, second)))
        return torch.mul(*turned).sum()

    torch.testing.assert_close(score(3, 7), score(103, 107))
    assert not torch.isclose(score(3, 7), score(3, 9))


def test_a_cache_continues_where_it_was_left() -> None:
    layer = DecoderAttention(width=32, heads=4).eval()
    x, rotation = torch.randn(2, 6, 32), rotary(torch.arange(6)[None], 8)
    cache = LayerCache(batch=2, heads=4, capacity=6, head_dim=8, like=x)
    mask = torch.full((6, 6), float("-inf")).triu(1)[None, None]
    with torch.no_grad():
        whole = layer(x, rotation, mask)
        early = tuple(part[:, :, :5] for part in rotation)
        late = tuple(part[:, :, 5:] for part in rotation)
        layer(x[:, :5], early, mask[..., :5, :5], cache)
        last = layer(x[:, 5:], late, None, cache)
    torch.testing.assert_close(last, whole[:, 5:])
    assert cache.length == 6


def test_a_cache_keeps_the_sequences_that_go_on() -> None:
    cache = LayerCache(batch=3, heads=1, capacity=4, head_dim=2, like=torch.zeros(1))
    keys, values = cache.extend(torch.randn(3, 1, 2, 2), torch.randn(3, 1, 2, 2))
    cache.keep(torch.tensor([2, 0]))
    assert torch.equal(cache.keys[:, :, :2], keys[[2, 0]])
    assert torch.equal(cache.values[:, :, :2], values[[2, 0]])


@pytest.mark.parametrize("mlp", [GatedMLP(width=32, hidden=48), experts()])
def test_a_block_keeps_its_shape(mlp: torch.nn.Module) -> None:
    block = DecoderBlock(width=32, heads=4, mlp=mlp)
    x = torch.randn(2, 6, 32)
    assert block(x, rotary(torch.arange(6)[None], 8)).shape == x.shape
