"""A run: it learns, logs, stops, and continues where it was."""

import json
import multiprocessing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from optimem.tiers import Tier
from optimem.training import CHECKPOINT, LOG, train
from optimem.training.curriculum import FIRST_TIER_UNTIL
from optimem.training.objective import Losses
from optimem.training.train import arguments, load_sources
from tests.training.small import CELLS, RENDERER, trainer


def test_the_same_seed_gives_the_same_run_resumed_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trainer(tmp_path, monkeypatch)
    for _ in range(3):
        whole.train_step()
        if whole.step == 2:
            whole.save()
    resumed = trainer(tmp_path, monkeypatch)
    resumed.resume()
    assert resumed.step == 2
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


def test_workers_share_a_run_that_one_can_continue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "LOG_EVERY", 1)
    run = partial(trainer, tmp_path, monkeypatch, FIRST_TIER_UNTIL)
    held_out = {"prose": CELLS[None, :12_800]}
    program = partial(run(workers=2).train, FIRST_TIER_UNTIL + 1, 1, held_out)
    process = multiprocessing.get_context("fork").Process(target=program)
    process.start()
    process.join(120)
    assert process.exitcode == 0
    losses, scores = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert {"base", "small", "tiny"} < set(losses)
    assert set(scores["held_out"]) == {tier.label for tier in Tier}
    alone = run()
    alone.resume()
    assert alone.step == FIRST_TIER_UNTIL + 1
    assert len(alone.optimiser.state_dict()) > 50
    alone.train_step()


@pytest.mark.parametrize(("workers", "device"), [("0", "cpu"), ("2", "cuda")])
def test_workers_that_cannot_be_are_refused(
    workers: str,
    device: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["--text", "a", "--val", "a", "--run", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["train", *given, "--workers", workers, "--device", device])
    with pytest.raises(SystemExit):
        train.main()
    assert f"--workers {workers} with --device {device}" in capsys.readouterr().err


def test_a_few_steps_lower_the_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, cells = trainer(tmp_path, monkeypatch), CELLS[None, :12_800]
    images = torch.tensor(RENDERER.draw(cells[0], Tier.SMALL))[None]
    target = torch.from_numpy(cells.astype(np.int64))

    def final() -> float:
        with torch.no_grad():
            losses: Losses = run.objective(images, target, Tier.SMALL, auxiliary=0, price=0)
        return losses.final

    before = final()
    for _ in range(12):
        run.train_step()
    assert final() < before - 0.1


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
