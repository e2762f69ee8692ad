"""The causal decoder, on small sizes and random weights."""

from dataclasses import replace
from typing import Any

import torch

from optimem.model.decoder import MixtureOfExperts
from optimem.model.deepseek_ocr.decoder import TransformerDecoder, causal_mask
from tests.model.deepseek_ocr.small import SMALL

WIDTH = SMALL.decoder.width


def test_it_does_not_look_ahead() -> None:
    decoder = TransformerDecoder(SMALL.decoder).eval()
    x = torch.randn(1, 6, WIDTH)
    changed = x.clone()
    changed[:, -1] += 1
    with torch.no_grad():
        first, second = decoder(x), decoder(changed)
    assert torch.allclose(first[:, :5], second[:, :5])
    assert not torch.allclose(first[:, 5], second[:, 5])


def test_step_by_step_is_the_same_as_at_once() -> None:
    decoder = TransformerDecoder(SMALL.decoder).eval()
    x = torch.randn(2, 6, WIDTH)
    caches = decoder.caches(2, 6, x)
    with torch.no_grad():
        parts = [decoder(part, caches) for part in x.split([3, 1, 2], 1)]
        torch.testing.assert_close(torch.cat(parts, 1), decoder(x), atol=1e-5, rtol=1e-5)


def test_padding_changes_nothing() -> None:
    decoder = TransformerDecoder(SMALL.decoder).eval()
    x = torch.randn(1, 4, WIDTH)
    padded = torch.cat((torch.randn(1, 2, WIDTH), x), 1)
    with torch.no_grad():
        found = decoder(padded, padding=torch.tensor([2]))
        torch.testing.assert_close(found[:, 2:], decoder(x), atol=1e-5, rtol=1e-5)


def test_the_mask_hides_what_is_ahead_and_what_is_padding() -> None:
    like = torch.zeros(1)
    assert causal_mask(1, 5, None, like) is None
    mask = causal_mask(2, 1, torch.tensor([0, 1]), like)
    assert mask is not None
    assert (mask == 0)[:, 0].tolist() == [
        [[True, True, False], [True, True, True]],
        [[False, True, False], [False, True, True]],
    ]


def test_the_rotary_base_and_normalised_weights_count() -> None:
    x = torch.randn(2, 5, SMALL.decoder.width)
    said = []
    each: list[dict[str, Any]] = [{}, {"rope_theta": 500.0}, {"norm_topk": True}]
    for changed in each:
        torch.manual_seed(0)
        said.append(TransformerDecoder(replace(SMALL.decoder, **changed))(x))
    assert not torch.allclose(said[0], said[1])
    assert not torch.allclose(said[0], said[2])


def test_normalised_weights_add_up_to_one() -> None:
    experts = MixtureOfExperts(
        width=16, experts=8, top_k=3, expert_hidden=4, shared_hidden=4, norm_topk=True
    )
    weights, _ = experts.route(torch.randn(7, 16))
    torch.testing.assert_close(weights.sum(-1), torch.ones(7))
