"""What is minimised."""

from math import isnan

import numpy as np
import pytest
import torch

from optimem.renderers.dense import CAPACITY
from optimem.tiers import Tier
from optimem.training.objective import AUXILIARY_WEIGHT, BALANCE_WEIGHT, Losses, Objective
from tests.training.small import RENDERER, SMALL, mixer


@pytest.fixture(scope="module")
def objective() -> Objective:
    torch.manual_seed(0)
    return Objective(SMALL)


def losses(objective: Objective, tier: Tier, auxiliary: float, price: float) -> Losses:
    cells = mixer().batch(2)
    images = torch.from_numpy(np.stack([RENDERER.draw(page, tier) for page in cells]))
    target = torch.from_numpy(cells.astype(np.int64))
    torch.manual_seed(1)
    with torch.no_grad():
        found: Losses = objective(images, target, tier, auxiliary=auxiliary, price=price)
    return found


def test_residual_branches_start_at_zero(objective: Objective) -> None:
    block = objective.model.window_blocks[0]
    assert not block.attn.proj.weight.any()
    assert not block.lin2.weight.any()
    expert = objective.model.decoder_blocks[-1].mlp.experts[0]
    assert not expert.down_proj.weight.any()
    assert expert.up_proj.weight.all()


def test_the_total_is_the_sum_of_its_parts(objective: Objective) -> None:
    found = losses(objective, Tier.TINY, 1.0, 0.5)
    balance = objective.model.decoder_blocks[-1].mlp.balance.item()
    final, patches, halved, bits = found.figures.tolist()
    expected = (
        final
        + 0.5 * np.log(2) * bits
        + BALANCE_WEIGHT * balance
        + AUXILIARY_WEIGHT * (patches + halved)
    )
    assert found.total.item() == pytest.approx(expected, rel=1e-4)


def test_bits_without_a_price_are_free_and_other_tiers_have_no_heads(objective: Objective) -> None:
    found = losses(objective, Tier.TRACE, 1.0, 0.0)
    balance = objective.model.decoder_blocks[-1].mlp.balance.item()
    final, patches, halved, _ = found.figures.tolist()
    assert found.total.item() == pytest.approx(final + BALANCE_WEIGHT * balance, rel=1e-4)
    assert isnan(patches)
    assert isnan(halved)


def test_heads_read_every_cell(objective: Objective) -> None:
    encoded = objective.model.embed(torch.zeros(1, 512, 512, dtype=torch.uint8))
    assert objective.heads["tiny_patches"](encoded.patches).shape[1] == CAPACITY
    assert objective.heads["tiny_halved"](encoded.halved).shape[1] == CAPACITY
