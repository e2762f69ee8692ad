"""The recipe runs, resumes where it stopped, and learns."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from optimem.errors import InputError
from optimem.renderers.dense import CAPACITY, DenseRenderer
from optimem.tiers import Tier
from optimem.training.curriculum import FIRST_TIER_UNTIL, Curriculum
from optimem.training.optimiser import MuonWithAdamW, is_hidden
from optimem.training.pages import Noise, PageMixer, read_text
from optimem.training.plot import curves

RENDERER = DenseRenderer()
CELLS = RENDERER.cells("Some text to train on, über and über again. " * 2000)


def mixer(seed: int = 0) -> PageMixer:
    return PageMixer(RENDERER, [CELLS], [1.0], np.random.default_rng(seed))


def test_pages_are_full_size_and_repeatable() -> None:
    pages = mixer().batch(6)
    assert pages.shape == (6, CAPACITY)
    assert np.array_equal(pages, mixer().batch(6))
    assert not np.array_equal(pages, mixer(1).batch(6))
    assert pages.max() < len(RENDERER.alphabet)


def test_every_kind_of_noise_has_the_size_asked_for() -> None:
    noise, rng = Noise(RENDERER, CELLS), np.random.default_rng(0)
    for kind in noise.kinds:
        assert len(kind(rng, 500)[:500]) == 500, kind.__name__


def test_typeset_text_has_no_straight_quotes_and_loses_no_letter() -> None:
    renderer = DenseRenderer()
    noise = Noise(renderer, renderer.cells("words"))
    plain = '"It\'s so," he said -- \'well-known\' ("x").\n- item\n'
    cells = noise.typeset(np.random.default_rng(0), renderer.cells(plain))
    text = "".join(renderer.alphabet.symbols[cell] for cell in cells)
    assert text.startswith("“It’s so,” he said ")
    assert "‘well-known’ (“x”)." in text
    assert not set(text) & set("\"'")
    assert [c for c in text if c.isalpha()] == [c for c in plain if c.isalpha()]
    assert text.count("-") == 1


def test_the_curriculum_starts_with_one_tier_and_ends_slowly() -> None:
    plan = Curriculum(4000)
    assert [part.tier for part in plan.parts(0)] == [Tier.SMALL]
    tiers = {part.tier for ahead in range(4) for part in plan.parts(FIRST_TIER_UNTIL + ahead)}
    assert tiers == set(Tier)
    assert plan.lr_scale(0) < plan.lr_scale(100) == 1
    assert plan.lr_scale(3999) < 0.05
    going_on = Curriculum(4000, first=2000)
    assert going_on.lr_scale(2000) == plan.lr_scale(0)
    early, late = (plan.parts(step)[-1].rate_target for step in (1000, 3999))
    assert late < early


def test_muon_takes_hidden_matrices_only() -> None:
    big, small = torch.nn.Parameter(torch.zeros(200, 200)), torch.nn.Parameter(torch.zeros(9, 200))
    assert is_hidden("decoder.layers.0.q_proj.weight", big)
    assert not is_hidden("readouts.tiny.symbol.tail.weight", big)
    assert not is_hidden("norm.weight", small)


def test_the_optimiser_lowers_a_loss_and_its_state_comes_back() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(128, 128), torch.nn.Linear(128, 1))
    x, y = torch.randn(64, 128), torch.randn(64, 1)
    optimiser = MuonWithAdamW(model, lr=1e-2)
    losses = []
    for _ in range(20):
        loss = (model(x) - y).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step(1.0)
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    again = MuonWithAdamW(model, lr=1e-2)
    again.load_state_dict(optimiser.state_dict())
    assert (
        again.state_dict()["muon"]["state"].keys() == optimiser.state_dict()["muon"]["state"].keys()
    )


def test_bad_training_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"bad\.txt cannot be read"):
        read_text(path)


def test_the_curve_reads_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    held_out = {"small": {"prose": [0.99, 8.0], "noise": [0.5, 9.0]}}
    log.write_text(json.dumps({"step": 10}) + "\n" + json.dumps({"step": 20, "held_out": held_out}))
    wrong, bits = curves(log)
    assert wrong["small"] == [(20, pytest.approx(0.01))]
    assert bits["small"] == [(20, 8.0)]
