"""A small model and a small mixer: a step in a second."""

from pathlib import Path

import numpy as np
import pytest
import torch

from optimem.model.nano.sizes import NanoConfig
from optimem.renderers.dense import DenseRenderer
from optimem.tiers import Tier
from optimem.training import objective
from optimem.training.curriculum import Curriculum
from optimem.training.page_pool import PagePool
from optimem.training.pages import PageMixer
from optimem.training.trainer import Trainer

SMALL = NanoConfig(
    patch_width=104, patch_depth=1, patch_heads=2, patch_hidden=16, half_width=16,
    global_width=16, global_depth=1, global_heads=2, global_hidden=16, token_dim=12,
    decoder_width=104, decoder_heads=4, dense_hidden=48, experts=4, expert_hidden=16,
    shared_hidden=24, symbols=2216, common=102, stored_dims=tuple((tier, 10) for tier in Tier),
)  # fmt: skip
RENDERER = DenseRenderer()
CELLS = RENDERER.cells("Some text to train on, über and über again. " * 2000)


def mixer(seed: int = 0) -> PageMixer:
    return PageMixer(RENDERER, [CELLS], [1.0], np.random.default_rng(seed))


def trainer(
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: int = 0,
    workers: int = 1,
    pool: PagePool | None = None,
) -> Trainer:
    """A run of the small model; a step takes as few pages as it can."""
    monkeypatch.setattr(objective, "NanoConfig", lambda: SMALL)
    torch.manual_seed(0)
    curriculum = Curriculum(4000, batch=0.01, first=first)
    return Trainer(
        run, mixer(), curriculum, torch.device("cpu"), lr=3e-3, workers=workers, pool=pool
    )
