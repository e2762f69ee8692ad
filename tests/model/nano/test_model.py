"""The network's parts, on small sizes and random weights."""

import numpy as np
import pytest
import torch

from optimem.model.nano.model import Bottleneck, NanoModel, Readout, SymbolHead
from optimem.model.nano.sizes import NanoConfig
from optimem.renderers.dense import CAPACITY
from optimem.tiers import Tier

SMALL = NanoConfig(
    patch_width=16, patch_depth=1, patch_heads=2, patch_hidden=16, half_width=16, global_width=16,
    global_depth=1, global_heads=2, global_hidden=16, token_dim=12, decoder_width=32,
    decoder_heads=4, dense_hidden=48, experts=4, expert_hidden=16, shared_hidden=24,
    stored_dims=tuple((tier, 10) for tier in Tier),
)  # fmt: skip


def ink(tier: Tier, pages: int = 1) -> torch.Tensor:
    return torch.randint(0, 256, (pages, tier.value, tier.value), dtype=torch.uint8)


@pytest.mark.parametrize("tier", [Tier.TRACE, Tier.SMALL])
def test_a_page_becomes_one_token_for_64_by_64_pixels(tier: Tier) -> None:
    encoded = NanoModel(SMALL).embed(ink(tier))
    assert encoded.tokens.shape == (1, tier.tokens, 12)
    assert encoded.patches.shape == (1, 4 * tier.grid, 4 * tier.grid, 16)
    assert encoded.halved.shape == (1, 2 * tier.grid, 2 * tier.grid, 16)


@pytest.mark.parametrize("tier", [Tier.TRACE, Tier.SMALL])
def test_whole_numbers_are_all_that_reading_takes(tier: Tier) -> None:
    model = NanoModel(SMALL).eval()
    with torch.no_grad():
        levels = model.encode(ink(tier, 2), tier)
        symbols, probability = model.read(levels, tier)
    assert (levels.dtype, levels.shape) == (torch.int16, (2, tier.tokens, 10))
    assert symbols.shape == probability.shape == (2, CAPACITY)
    assert 0 <= symbols.min() <= symbols.max() < SMALL.symbols
    assert 0 < probability.min() <= probability.max() <= 1


def test_the_decoder_sees_all_tokens_at_once() -> None:
    model = NanoModel(SMALL).eval()
    tokens = torch.randn(1, Tier.TRACE.tokens, 12)
    changed = tokens.clone()
    changed[:, -1] += 1
    with torch.no_grad():
        same = torch.isclose(model.decode(tokens), model.decode(changed)).all(-1)
    assert not same.any()


def test_the_bottleneck_prices_what_it_rounds() -> None:
    bottleneck = Bottleneck(dim=2, stored_dims=dict.fromkeys(Tier, 1))
    levels = torch.arange(-200, 200).float()[None, :, None]
    probability = 2 ** -bottleneck.bits(levels, Tier.SMALL)
    torch.testing.assert_close(probability.sum(), torch.tensor(1.0), atol=1e-3, rtol=0)


def test_a_token_costs_less_where_a_class_expects_it() -> None:
    bottleneck = Bottleneck(dim=8, stored_dims=dict.fromkeys(Tier, 8))
    quiet, loud = torch.zeros(1, 1, 8), torch.full((1, 1, 8), 60.0)
    before = [bottleneck.bits(levels, Tier.TINY) for levels in (quiet, loud)]
    with torch.no_grad():
        bottleneck.log_spread[:, 0] = 0
        bottleneck.log_spread[:, -1] = 4
    after = [bottleneck.bits(levels, Tier.TINY) for levels in (quiet, loud)]
    assert after[0] < before[0]
    assert after[1] < before[1]


def test_a_whole_basis_leaves_nothing_out() -> None:
    bottleneck = Bottleneck(dim=4, stored_dims=dict.fromkeys(Tier, 4))
    tokens = torch.randn(1, 5, 4)
    restored = bottleneck.restore(bottleneck.scale(tokens, Tier.TINY), Tier.TINY)
    torch.testing.assert_close(restored, tokens)


def test_what_a_smaller_basis_holds_comes_back() -> None:
    bottleneck = Bottleneck(dim=6, stored_dims=dict.fromkeys(Tier, 4))
    with torch.no_grad():
        bottleneck.centre.normal_()
        bottleneck.log_scale.normal_()
    levels = torch.randn(1, 5, 4)
    tokens = bottleneck.restore(levels, Tier.TINY)
    assert tokens.shape == (1, 5, 6)
    torch.testing.assert_close(bottleneck.scale(tokens, Tier.TINY), levels)


def test_noise_in_training_is_half_a_step_at_most() -> None:
    bottleneck = Bottleneck(dim=4, stored_dims=dict.fromkeys(Tier, 4))
    tokens = torch.randn(2, 50, 4)
    noisy, bits = bottleneck(tokens, Tier.BASE)
    moved = bottleneck.scale(noisy - tokens, Tier.BASE).abs()
    assert 0.4 < moved.max() <= 0.5 + 1e-4
    assert bits.shape == (2,)


def test_a_symbols_probability_is_exact() -> None:
    head = SymbolHead(features=8, common=5, symbols=20).eval()
    cells = torch.randn(300, 8) * 5
    scores = torch.cat(
        (
            head.head(cells).log_softmax(-1)[:, :5],
            head.head(cells).log_softmax(-1)[:, 5:] + head.tail(cells).log_softmax(-1),
        ),
        -1,
    ).exp()
    torch.testing.assert_close(scores.sum(-1), torch.ones(300))
    symbol, probability = head.read(cells)
    best, index = scores.max(-1)
    torch.testing.assert_close(probability, best)
    assert torch.equal(symbol, index)
    loss = head.loss(cells, index)
    torch.testing.assert_close(loss, -best.log().mean())


@pytest.mark.parametrize(("grid", "columns", "rows"), [(4, 8, 12), (4, 6, 10), (6, 9, 4)])
def test_uneven_readouts_still_read_every_cell_in_place(grid: int, columns: int, rows: int) -> None:
    readout = Readout(
        width=3, grid=grid, columns=columns, rows=rows, features=2, common=5, symbols=9
    )
    x = torch.zeros(1, grid, grid, 3)
    plain = readout(x)
    assert plain.shape == (1, rows * columns, 2)
    x[0, grid - 1, 0] = 1  # the bottom left position
    moved = (readout(x) != plain).any(-1).view(rows, columns).nonzero()
    assert moved[:, 0].min() >= rows // 2 - 1
    assert moved[:, 1].max() <= columns // 2
    assert np.array([rows - 1, 0]) in moved.numpy()


def test_a_margin_is_not_read() -> None:
    sizes = {"width": 3, "grid": 4, "columns": 8, "rows": 12, "features": 2, "common": 5}
    readout = Readout(**sizes, symbols=9)
    inside = Readout(**sizes, symbols=9, margin=(1, 2))
    inside.load_state_dict(readout.state_dict())
    x = torch.randn(1, 4, 4, 3)
    cells = readout(x).view(12, 8, 2)[2:-2, 1:-1].flatten(0, 1)
    assert torch.equal(inside(x)[0], cells)
