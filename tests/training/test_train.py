"""A run: it learns, logs, stops, and continues where it was."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from optimem.tiers import Tier
from optimem.training import CHECKPOINT, LOG, train
from optimem.training.train import arguments, load_sources
from tests.training.small import CELLS, RENDERER, trainer


def test_the_same_seed_gives_the_same_run_resumed_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trainer(tmp_path, monkeypatch)
    for _ in range(3):
        whole.train_step()
        if whole.step == 2:
            torch.manual_seed(1)
            whole.save()
    resumed = trainer(tmp_path, monkeypatch)
    resumed.resume()
    assert resumed.step == 2
    torch.manual_seed(1)
    resumed.train_step()
    for first, second in zip(
        whole.objective.parameters(), resumed.objective.parameters(), strict=True
    ):
        assert torch.equal(first, second)


def test_a_run_logs_evaluates_and_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "LOG_EVERY", 1)
    run = trainer(tmp_path, monkeypatch)
    run.train(2, save_every=2, held_out={"prose": CELLS[None, :12_800]})
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 2]
    final, patches, halved, bits = lines[0]["small"]
    assert min(final, patches, halved, bits) > 0
    assert set(lines[-1]["held_out"]) == {tier.label for tier in Tier}
    assert (tmp_path / CHECKPOINT).exists()
    assert run.objective.training


def test_what_one_step_learns_lowers_the_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tmp_path, monkeypatch)
    finals = [run.train_step()["small"].final for _ in range(12)]
    assert np.mean(finals[-2:]) < finals[0] - 0.1


def test_sources_take_weights(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("some text")
    sources, weights = load_sources([f"{path}=0.4", str(path)], RENDERER)
    assert [len(source) for source in sources] == [9, 9]
    assert weights == [0.4, 1.0]


def test_help_says_how_to_run() -> None:
    shown = arguments().format_help()
    assert "python -m optimem.training.train --text" in shown
    assert "resumes from its folder's checkpoint.pt" in shown
