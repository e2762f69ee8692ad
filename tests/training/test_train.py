"""The command that trains: what it takes and what it refuses."""

import json
from pathlib import Path

import pytest

from optimem.training import CHECKPOINT, LOG, SNAPSHOT, objective, train
from optimem.training.train import arguments, load_sources
from tests.training.small import RENDERER, SMALL


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


def test_the_command_trains_saves_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(objective, "NanoConfig", lambda: SMALL)
    text, run = tmp_path / "a.txt", tmp_path / "run"
    text.write_text("Some text to train on, über and über again. " * 400)
    given = ["--text", str(text), "--val", str(text), "--run", str(run), "--batch", "0.01"]
    for steps in ("1", "2"):
        arguments = [*given, "--steps", steps, "--mixers", "1", "--device", "cpu"]
        monkeypatch.setattr("sys.argv", ["train", *arguments])
        train.main()
    logged = [json.loads(line)["step"] for line in (run / LOG).read_text().splitlines()]
    assert logged == [1, 2]
    assert {path.name for path in run.iterdir()} == {CHECKPOINT, LOG, SNAPSHOT.format(2)}
    assert "17,600 cells" in capsys.readouterr().out


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
