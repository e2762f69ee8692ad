"""Commands over text with `--model`, with the small random model in the large one's place."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from optimem import build
from optimem.cli import cli
from optimem.errors import FingerprintError
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.omem.text import TokenFile
from tests.model.deepseek_ocr.test_image_reader import BriefReader

MODEL = "small/model"
TEXT = "Staging listens on port 6543.\n\tIndented, 漢字 and עברית.\n"


@pytest.fixture(autouse=True)
def brief(
    reader: DeepSeekReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The folder is `tmp_path`, and the model the small one, which ends its answers early."""
    small = BriefReader(reader.model, reader.tokenizer)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build, "deepseek_reader", {MODEL: small}.__getitem__)
    build.ruled_codec.cache_clear()
    yield
    build.ruled_codec.cache_clear()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_a_text_goes_into_a_file_and_what_is_read_keeps_its_lines() -> None:
    Path("a.txt").write_text(TEXT)
    done = run("compress", "a.txt", "--model", MODEL, "--tier", "tiny", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["pages"], report["vision_tokens"], report["positions"]) == (1, 64, 73)
    assert 0 <= report["accuracy"] < 0.9
    assert TokenFile.load(Path("a.omem")).fingerprint.endswith("-ruled-1")
    read = run("decompress", "a.omem", "--model", MODEL).stdout
    assert [len(line) for line in read.split("\n")] == [len(line) for line in TEXT.split("\n")]
    with pytest.raises(FingerprintError, match="--model"):
        CliRunner().invoke(cli, ["read", "a.omem"], catch_exceptions=False)


def test_a_memory_of_the_model_keeps_what_it_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTIMEM_STORE", "memory.db")
    Path("a.txt").write_text(TEXT)
    assert run("remember", "s", "a.txt", "--model", MODEL, "--flush").exit_code == 0
    monkeypatch.setenv("OPTIMEM_MODEL", MODEL)
    assert json.loads(run("stats", "s", "--json").stdout)["pages_by_tier"] == {"text": 1}
    (found,) = json.loads(run("recall", "s", "staging port", "--json").stdout)
    assert (found["text"], found["exact"]) == (TEXT, True)
    assert "6543" in run("ask", "s", "which port does staging listen on?").stdout


def test_a_picture_without_a_model_that_reads_it_is_named() -> None:
    Path("scan.pdf").write_bytes(b"%PDF-1.7 and so on")
    done = run("remember", "s", "scan.pdf", "--store", "memory.db")
    assert done.exit_code != 0
    assert "needs a model that reads images" in done.output + str(done.exception)


@pytest.mark.parametrize("command", ["reconstruct s", "sweep", "inspect"])
def test_an_unknown_model_is_named(command: str) -> None:
    done = run(*command.split(), "--model", "gpt-9", "--store", "memory.db")
    assert done.exit_code != 0
    assert "no model is called 'gpt-9'" in done.output + str(done.exception)


@pytest.mark.parametrize("command", ["stats", "pin s t", "unpin s t"])
def test_what_reads_no_page_takes_no_model(command: str) -> None:
    done = run(*command.split(), "--model", MODEL)
    assert done.exit_code == 2
    assert "No such option" in done.output
