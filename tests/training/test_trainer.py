"""A run: it learns, logs, stops, and continues where it was."""

import json
import multiprocessing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from optimem.errors import FingerprintError, FormatError
from optimem.model.nano.model import NanoModel
from optimem.model.nano.weights import save_weights
from optimem.renderers.dense import DenseRenderer
from optimem.renderers.escapes import Escapes
from optimem.tiers import Tier
from optimem.training import CHECKPOINT, LOG, SNAPSHOT
from optimem.training import trainer as module
from optimem.training.curriculum import FIRST_TIER_UNTIL
from optimem.training.objective import Losses
from optimem.training.page_pool import PagePool
from optimem.training.painting import DevicePainter
from tests.training.small import CELLS, RENDERER, SMALL, mixer, trainer


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
    monkeypatch.setattr(module, "LOG_EVERY", 1)
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
    monkeypatch.setattr(module, "LOG_EVERY", 1)
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


def test_a_few_steps_lower_the_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, cells = trainer(tmp_path, monkeypatch), CELLS[None, :12_800]
    images = torch.tensor(RENDERER.draw(cells[0], Tier.SMALL))[None]
    target = torch.from_numpy(cells.astype(np.int64))

    def final() -> float:
        with torch.no_grad():
            losses: Losses = run.objective(images, target, Tier.SMALL, auxiliary=0, price=0)
        return float(losses.figures[0])

    before = final()
    for _ in range(12):
        run.train_step()
    assert final() < before - 0.1


def test_pages_that_were_mixed_ahead_and_drawn_on_the_device_give_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = trainer(tmp_path, monkeypatch, FIRST_TIER_UNTIL)
    pool = PagePool(mixer(), alone.curriculum.pages, seed=0, workers=2)
    other = trainer(tmp_path, monkeypatch, FIRST_TIER_UNTIL, pool=pool)
    other.painter = DevicePainter(RENDERER, torch.device("cpu"))
    for run in (alone, other):
        run.train_step()
        run.train_step()
    pool.close()
    for first, second in zip(
        alone.objective.parameters(), other.objective.parameters(), strict=True
    ):
        assert torch.equal(first, second)


def test_a_run_stops_when_its_minutes_are_over_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tmp_path, monkeypatch)
    run.train(50, save_every=50, held_out={}, minutes=0)
    assert run.step == 1
    again = trainer(tmp_path, monkeypatch)
    assert again.resume()
    assert again.step == 1
    assert len(again.optimiser.state_dict()) > 50


def test_a_run_goes_on_from_a_snapshot_where_the_checkpoint_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tmp_path, monkeypatch)
    for _ in range(2):
        run.train_step()
        run.save()
    assert [path.name for path in tmp_path.glob(SNAPSHOT.format("*"))] == [SNAPSHOT.format(2)]
    (tmp_path / CHECKPOINT).unlink()
    again = trainer(tmp_path, monkeypatch)
    assert again.resume()
    assert again.step == 2
    first, second = run.objective.model, again.objective.model
    torch.testing.assert_close(
        first.token_embed.weight, second.token_embed.weight, atol=1e-3, rtol=0.02
    )
    assert not trainer(tmp_path / "new", monkeypatch).resume()


def test_weights_of_another_alphabet_give_the_rows_of_the_symbols_they_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alphabet, weights = RENDERER.alphabet, tmp_path / "w.zst"
    known = (*alphabet.symbols[: alphabet.common], *reversed(alphabet.symbols[alphabet.common :]))
    old = NanoModel(SMALL)
    save_weights(old, "dense-x", known, weights)
    run = trainer(tmp_path, monkeypatch)
    run.start_from(weights)
    before, after = (m.readout(Tier.TINY).symbol for m in (old, run.objective.model))
    torch.testing.assert_close(after.tail.weight, before.tail.weight.flip(0), atol=1e-2, rtol=0)
    torch.testing.assert_close(after.head.weight, before.head.weight, atol=1e-2, rtol=0)


def test_weights_that_do_not_name_their_symbols_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "w.zst"
    save_weights(NanoModel(SMALL), "dense-x", (), weights)
    with pytest.raises(FormatError, match="trained on pages of dense-x, which"):
        trainer(tmp_path, monkeypatch).start_from(weights)
    save_weights(NanoModel(SMALL), RENDERER.version, (), weights)
    trainer(tmp_path, monkeypatch).start_from(weights)


def test_a_checkpoint_of_another_spelling_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tmp_path, monkeypatch)
    run.save()
    run.mixer.renderer = DenseRenderer(Escapes())
    with pytest.raises(FingerprintError, match=r"dense-2.*, this run draws dense-1"):
        run.resume()
