"""A run's weights, fitted and written."""

from pathlib import Path

import numpy as np
import pytest
import torch

from optimem.errors import FormatError
from optimem.model.nano.model import NanoModel
from optimem.model.nano.weights import load_weights
from optimem.model.nano.weights_file import WeightsFile
from optimem.tiers import Tier
from optimem.training import CHECKPOINT
from optimem.training.export import export, fit_prior, fit_temperature, load_run, quantised
from tests.training.small import RENDERER, SMALL, mixer, trainer


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    trainer(tmp_path, monkeypatch).save()
    return tmp_path / CHECKPOINT


def test_the_prior_is_that_of_the_tokens(checkpoint: Path) -> None:
    (model, _), cells = load_run(checkpoint), mixer().batch(2)
    levels = quantised(model, cells, RENDERER, Tier.TINY)
    before = model.bottleneck.bits(levels.float(), Tier.TINY).sum()
    fit_prior(model, levels, Tier.TINY)
    prior = model.bottleneck.prior(Tier.TINY)
    torch.testing.assert_close(prior.mean, levels.float().mean((0, 1)))
    assert prior.share.sum().item() == pytest.approx(1)
    assert model.bottleneck.bits(levels.float(), Tier.TINY).sum() < before


def test_classes_are_found(checkpoint: Path) -> None:
    (model, _), k = load_run(checkpoint), 10
    spreads = torch.tensor([2.0, 2.0, 6.0, 60.0])[torch.randint(4, (4000,))]
    levels = (torch.randn(1, 4000, k) * spreads[:, None]).round()
    fit_prior(model, levels, Tier.TINY)
    prior = model.bottleneck.prior(Tier.TINY)
    sizes = prior.spread.mean(1)
    assert sizes.max().item() == pytest.approx(60, rel=0.1)
    assert sizes.min().item() == pytest.approx(2, rel=0.2)
    one_class = (levels.var((0, 1)).log2() / 2 + np.log2(2 * np.pi * np.e) / 2).sum()
    assert model.bottleneck.bits(levels, Tier.TINY).mean() < one_class - 5


def test_the_temperature_is_the_likeliest(checkpoint: Path) -> None:
    (model, _), cells = load_run(checkpoint), mixer().batch(1)
    with torch.no_grad():
        model.readout(Tier.TINY).symbol.head.weight.mul_(20)  # far too sure of itself
    levels = quantised(model, cells, RENDERER, Tier.TINY)
    temperature = fit_temperature(model, levels, cells, Tier.TINY)
    assert temperature > 2
    assert model.readout(Tier.TINY).symbol.temperature.item() == pytest.approx(temperature)


def test_a_run_is_written_with_what_was_fitted(checkpoint: Path, tmp_path: Path) -> None:
    text, out = tmp_path / "a.txt", tmp_path / "w.safetensors.zst"
    text.write_text("Some text to fit the priors on. " * 1000)
    info = export(checkpoint, [str(text)], 1, out)
    model = NanoModel(SMALL)
    file = WeightsFile.load(out)
    load_weights(model, file)
    assert file.info == info
    assert info.renderer == RENDERER.version
    assert not np.allclose(model.bottleneck.mean.detach(), 0)


def test_a_checkpoint_of_another_model_is_refused(checkpoint: Path) -> None:
    state = torch.load(checkpoint, weights_only=False)
    state["model"].popitem()
    torch.save(state, checkpoint)
    with pytest.raises(RuntimeError, match="Missing key"):
        load_run(checkpoint)


def test_a_checkpoint_of_pages_that_cannot_be_drawn_is_named(checkpoint: Path) -> None:
    state = torch.load(checkpoint, weights_only=False)
    assert state["renderer"] == RENDERER.version
    torch.save({**state, "renderer": "dense-0"}, checkpoint)
    with pytest.raises(FormatError, match="was trained on pages of dense-0"):
        load_run(checkpoint)
