"""The network on a device, arrays in and out."""

import numpy as np
import pytest
import torch

from optimem.errors import FingerprintError
from optimem.model.nano.runtime import NanoRuntime
from optimem.model.nano.weights_file import WeightsFile, shipped_weights
from optimem.renderers.dense import CAPACITY, DenseRenderer
from optimem.tiers import Tier

RENDERER = DenseRenderer()
CPU = torch.device("cpu")
FILE = WeightsFile.load(shipped_weights(), RENDERER.version)


def test_arrays_go_in_and_come_out() -> None:
    runtime = NanoRuntime.load(FILE, CPU, torch.float32)
    cells = RENDERER.cells("Thirty boats came in before the storm. " * 100)
    image = RENDERER.page(cells).image(Tier.BASE)
    levels = runtime.encode(image[None], Tier.BASE)
    assert (levels.shape, levels.dtype) == ((1, Tier.BASE.tokens, 460), np.int16)
    (read,) = runtime.read(levels, Tier.BASE)
    assert len(read.ids) == len(read.probability) == CAPACITY
    assert (read.ids[: len(cells)] == cells).mean() > 0.99
    assert read.probability.dtype == np.float32


def test_all_but_the_bottleneck_takes_the_dtype() -> None:
    runtime = NanoRuntime.load(FILE, CPU, torch.bfloat16)
    dtypes = {name: p.dtype for name, p in runtime.model.named_parameters()}
    assert {d for n, d in dtypes.items() if n.startswith("bottleneck.")} == {torch.float32}
    assert {d for n, d in dtypes.items() if not n.startswith("bottleneck.")} == {torch.bfloat16}


def test_weights_for_another_renderer_are_named() -> None:
    with pytest.raises(FingerprintError, match="not of dense-0"):
        WeightsFile.load(shipped_weights(), "dense-0")
