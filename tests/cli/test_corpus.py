"""`optimem encode-corpus` and `read-corpus` as a user runs them, with the shipped model."""

import json
from pathlib import Path

import pytest

from tests.cli.command import Done, run

TEXT = "The staging database listens on port 6543.\n"


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A corpus of a text, a list and what is neither, and what was printed."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "in").mkdir()
    (folder / "in" / "notes.txt").write_text(TEXT)
    (folder / "in" / "empty.txt").write_text("")
    done = run("encode-corpus", str(folder / "in"), str(folder / "out"), "--workers", "1")
    return folder, done


def test_a_folder_is_encoded_and_what_is_bad_is_told(encoded: tuple[Path, Done]) -> None:
    folder, done = encoded
    assert done.returncode == 0
    assert b"encoded" in done.stdout
    assert b"1 could not be encoded; see" in done.stderr
    assert "it is empty" in (folder / "out" / "bad.jsonl").read_text()


def test_a_corpus_is_listed_and_read(encoded: tuple[Path, Done]) -> None:
    out = str(encoded[0] / "out")
    assert run("read-corpus", out).stdout.decode() == TEXT
    assert run("read-corpus", out, "notes.txt").stdout.decode() == TEXT
    assert b"notes.txt" in run("read-corpus", out, "--list").stdout
    (line,) = run("read-corpus", out, "--list", "--jsonl").stdout.splitlines()
    assert json.loads(line)["pages"] == 1


def test_a_corpus_goes_into_a_memory(encoded: tuple[Path, Done], tmp_path: Path) -> None:
    lines = run("read-corpus", str(encoded[0] / "out"), "--jsonl").stdout
    store = ("--store", str(tmp_path / "m.db"))
    assert run("remember", "docs", "--jsonl", "-", *store, stdin=lines).returncode == 0
    assert b"6543" in run("recall", "docs", "staging port", *store).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("encode-corpus", "nowhere", "out"), "nowhere is not there"),
        (("encode-corpus", ".", "out"), "out lies in ."),
        (("encode-corpus", ".", "out", "--address", "a:1"), "--address is for --engine ray"),
        (("encode-corpus", ".", "../x", "--engine", "dask"), "'dask' is not one of"),
        (("read-corpus", "."), "holds no corpus"),
        (("read-corpus", "{out}", "no-such"), "no document 'no-such'"),
    ],
)
def test_what_cannot_be_done_is_told(
    encoded: tuple[Path, Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    out = str(encoded[0] / "out")
    done = run(*(each.format(out=out) for each in arguments))
    assert done.returncode != 0
    assert message in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_another_tier_is_refused(encoded: tuple[Path, Done]) -> None:
    folder, _ = encoded
    done = run("encode-corpus", str(folder / "in"), str(folder / "out"), "--tier", "tiny")
    assert done.returncode == 1
    assert "tier=small, not model=optimem-nano, tier=tiny" in done.stderr.decode()
