"""The architecture's parts, on small sizes and random weights."""

import numpy as np
import pytest
import torch
from torch import nn

from optimem.model import attention
from optimem.model.attention import MapAttention, attend, from_windows, pairwise, to_windows
from optimem.model.config import DecoderConfig, EncoderConfig
from optimem.model.decoder import FEW_ROWS, Decoder, FewRowsLinear, MixtureOfExperts
from optimem.model.encoder import nano_encoder
from optimem.model.layers import PatchConv
from optimem.model.nano.model import Bottleneck, Readout, SymbolHead
from optimem.tiers import Tier

SMALL = DecoderConfig(
    width=32, heads=4, dense_hidden=48, experts=4, active=2, expert_hidden=16, shared_hidden=24
)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_attention_is_the_same_with_and_without_gradients() -> None:
    q, k, v = torch.randn(3, 2, 4, 9, 8).unbind(0)
    written_out = attend(q, k, v)
    with torch.no_grad():
        fused = attend(q, k, v)
    torch.testing.assert_close(written_out, fused)


def test_windows_come_back() -> None:
    x = torch.randn(2, 8, 16, 3)
    assert torch.equal(from_windows(to_windows(x, 4), 4, x.shape), x)


@pytest.mark.parametrize("window", [0, 3])
def test_attention_over_a_map_is_the_same_in_parts_and_by_the_book(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = MapAttention(dim=8, heads=2, window=window, relative=window or 8).eval()
    nn.init.normal_(layer.relative.h)
    nn.init.normal_(layer.relative.w)
    x = torch.randn(2, 8, 8, 8)
    with torch.no_grad():
        whole = layer(x)
        monkeypatch.setattr(attention, "ELEMENTS_OF_A_THREAD", 40)
        in_parts = layer(x)
    torch.testing.assert_close(in_parts, whole)
    torch.testing.assert_close(_by_the_book(layer, x, window or 8), whole)


def _by_the_book(layer: MapAttention, x: torch.Tensor, size: int) -> torch.Tensor:
    """Zeros around the map, then each pair of positions of a window by itself."""
    rows = -(-x.shape[1] // size) * size
    padded = x.new_zeros(len(x), rows, rows, x.shape[-1])
    padded[:, : x.shape[1], : x.shape[2]] = x
    q, k, v = layer.split(to_windows(padded, size))
    at = [(n // size, n % size) for n in range(size * size)]
    bias = torch.stack([
        torch.stack([
            q[..., n, :] @ (layer.relative.h[a - c + size - 1] + layer.relative.w[b - d + size - 1])
            for c, d in at
        ], -1)
        for n, (a, b) in enumerate(at)
    ], -2)  # fmt: skip
    y = layer.merge(attend(q, k, v, bias))
    return from_windows(y, size, padded.shape)[:, : x.shape[1], : x.shape[2]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("side", [5, attention.SHORT])
def test_sums_for_pairs_are_exact_however_they_are_made(side: int, dtype: torch.dtype) -> None:
    down, across = torch.randn(2, 3, 7, side, dtype=dtype).unbind(0)
    expected = (down[..., :, None] + across[..., None, :]).flatten(-2)
    assert torch.equal(pairwise(down, across), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 2, 8, FEW_ROWS, FEW_ROWS + 1])
def test_a_product_of_few_rows_is_the_product(rows: int, dtype: torch.dtype) -> None:
    layer = FewRowsLinear(48, 96).to(dtype)
    x = torch.randn(rows, 1, 48, dtype=dtype)
    with torch.no_grad():
        found = layer(x)
    exact = (x.double() @ layer.weight.double().T).to(dtype)
    torch.testing.assert_close(found, exact)
    assert found.is_contiguous()


def test_a_patch_convolution_is_a_convolution() -> None:
    layer = PatchConv(kernel=4, channels=3, out=5)
    x = torch.randn(2, 8, 12, 3)
    kernel = layer.weight.view(5, 4, 4, 3).permute(0, 3, 1, 2)
    expected = nn.functional.conv2d(x.permute(0, 3, 1, 2), kernel, layer.bias, stride=4)
    torch.testing.assert_close(layer(x), expected.permute(0, 2, 3, 1))


@pytest.mark.parametrize("tier", [Tier.TRACE, Tier.SMALL])
def test_a_page_becomes_one_token_for_64_by_64_pixels(tier: Tier) -> None:
    config = EncoderConfig(width=16, heads=2, hidden=16, half_width=16, global_width=16,
                           global_heads=2, global_hidden=16, depth=1, global_depth=1,
                           token_dim=12)  # fmt: skip
    encoded = nano_encoder(config)(torch.randn(1, tier.value, tier.value, 1))
    assert encoded.tokens.shape == (1, tier.tokens, 12)
    assert encoded.patches.shape == (1, 4 * tier.grid, 4 * tier.grid, 16)


def test_experts_grouped_equal_experts_one_position_at_a_time() -> None:
    layer = MixtureOfExperts(SMALL).eval()
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
    layer = MixtureOfExperts(SMALL)
    weights, chosen = layer.route(torch.randn(50, 32))
    assert (weights.sum(-1) < 1).all()
    assert chosen.shape == (50, 2)
    assert layer.balance is not None
    assert layer.balance.item() == pytest.approx(1, abs=0.5)


def test_a_causal_decoder_does_not_look_ahead_and_a_parallel_one_does() -> None:
    from dataclasses import replace

    x = torch.randn(1, 6, 32)
    changed = x.clone()
    changed[:, -1] += 1
    for causal in (True, False):
        decoder = Decoder(replace(SMALL, causal=causal)).eval()
        with torch.no_grad():
            same = torch.allclose(decoder(x)[:, :5], decoder(changed)[:, :5])
        assert same == causal


def test_the_bottleneck_prices_what_it_rounds() -> None:
    bottleneck = Bottleneck(dim=4)
    steps = torch.arange(-200, 200).float()[:, None].expand(-1, 4)[None]
    share = (2 ** -bottleneck.bits(steps, Tier.SMALL)).sum((0, 1))
    torch.testing.assert_close(share, torch.ones(4), atol=1e-3, rtol=0)
    tokens = torch.randn(1, 5, 4)
    restored = bottleneck.restore(bottleneck.scale(tokens, Tier.TINY), Tier.TINY)
    torch.testing.assert_close(restored, tokens)


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
