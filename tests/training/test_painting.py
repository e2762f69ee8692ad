"""Pages drawn on the device are those that the renderer draws, to the byte."""

import numpy as np
import pytest
import torch

from optimem.renderers.dense import CAPACITY, DenseRenderer
from optimem.tiers import Tier
from optimem.training.painting import DevicePainter
from tests.training.small import RENDERER


@pytest.mark.parametrize("tier", list(Tier))
@pytest.mark.parametrize("renderer", [RENDERER, DenseRenderer()])
def test_the_device_draws_what_the_renderer_draws(renderer: DenseRenderer, tier: Tier) -> None:
    rng = np.random.default_rng(0)
    cells = rng.integers(len(renderer.alphabet), size=(2, CAPACITY)).astype(np.uint16)
    kana = renderer.cells("かな wide and plain")
    cells[1, : len(kana)] = kana
    drawn = DevicePainter(renderer, torch.device("cpu")).draw(cells, tier)
    assert drawn.dtype == torch.uint8
    for image, page in zip(drawn.numpy(), cells, strict=True):
        assert np.array_equal(image, renderer.draw(page, tier))
