"""The commands: what they take, leave and refuse."""

import json
from pathlib import Path

import pytest

from optimem.errors import OptimemError
from optimem.model.projector.weights import ProjectorFile
from optimem.omem.text import TokenFile
from optimem.tiers import Tier
from optimem.training import LOG
from optimem.training.projector import __main__ as command
from optimem.training.projector import unpack_gguf
from optimem.training.projector.trainer import PROJECTOR
from tests.model.projector.conftest import folder
from tests.model.projector.small import TEXT

__all__ = ["folder"]  # a fixture


def train(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["projector", *arguments])
    command.main()


def test_the_command_trains_and_goes_on(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text, run = tmp_path / "a.txt", tmp_path / "run"
    text.write_text(TEXT)
    given = ["--llm", str(folder), "--text", str(text), "--run", str(run), "--tier", "small",
             "--pages", "1", "--hidden", "128", "--fitting", "5", "--batch", "1"]  # fmt: skip
    train(monkeypatch, *given, "--steps", "10")
    before = (run / command.PAGES).read_bytes()
    text.unlink()  # pages are stored once
    train(monkeypatch, *given, "--steps", "20")
    lines = [json.loads(line) for line in (run / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20]
    assert (run / command.PAGES).read_bytes() == before
    assert TokenFile.load(run / command.PAGES).tier == Tier.SMALL
    file = ProjectorFile.load(run / PROJECTOR)
    assert file.trained_for.tier == Tier.SMALL
    with pytest.raises(SystemExit) as ended:
        train(monkeypatch, *given, "--tier", "tiny")
    assert "holds pages at small, not at tiny" in str(ended.value)


@pytest.mark.parametrize("wrong", ["--hidden=99", "--cells=0", "--margin=-1", "--pages=0"])
def test_sizes_that_cannot_be_are_refused(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        train(monkeypatch, "--llm", "x", "--text", "x", "--run", "x", wrong)
    assert "at least" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "there is no file"), (b"", "is neither"), (b"PK\x05\x06" + bytes(18), "holds 0 .gguf"),
     (b"GGUF" + bytes(40), "cannot be read as a chat model")],
)  # fmt: skip
def test_what_is_no_gguf_file_is_named(
    content: bytes | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "model.gguf"
    if content is not None:
        source.write_bytes(content)
    monkeypatch.setattr("sys.argv", ["unpack", str(source), str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        unpack_gguf.main()
    assert told in str(ended.value)
    assert isinstance(ended.value.__context__, OptimemError)
