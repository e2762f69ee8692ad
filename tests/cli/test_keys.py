"""The commands for keys."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from optimem.cli import cli


class Done(NamedTuple):
    returncode: int
    stdout: bytes
    stderr: bytes


def run(*arguments: str, stdin: bytes = b"", **variables: str) -> Done:
    """A command and its end, in this process; an error is what `main` would print."""
    result = CliRunner().invoke(cli, arguments, input=stdin, env=variables)
    shown = f"{result.stderr}{result.exception or ''}"
    aborted = "Aborted!" in shown
    return Done(130 if aborted else result.exit_code, result.stdout_bytes, shown.encode())


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPTIMEM_KEY", "OPTIMEM_KEY_FILE", "OPTIMEM_USER_KEYS", "OPTIMEM_STORE"):
        monkeypatch.delenv(name, raising=False)


def test_a_sealed_store_from_its_key_to_its_end(tmp_path: Path) -> None:
    store, old, new = str(tmp_path / "m.db"), *(run("new-key").stdout.decode() for _ in range(2))
    keys, both = tmp_path / "keys", f"{new.strip()} {old.strip()}"
    keys.write_text(old)
    sealed = {"OPTIMEM_STORE": store, "OPTIMEM_KEY_FILE": str(keys)}
    assert run("remember", "s", "-", stdin=b"the zinnia ledger", **sealed).returncode == 0
    assert b"zinnia" not in (tmp_path / "m.db").read_bytes()
    assert b"zinnia" in run("reconstruct", "s", **sealed).stdout
    for wrong in ({}, {"OPTIMEM_KEY": new}):
        refused = run("reconstruct", "s", OPTIMEM_STORE=store, **wrong)
        assert refused.returncode == 1
        assert b"sealed" in refused.stderr
    rotated = run("rotate-keys", "--json", OPTIMEM_STORE=store, OPTIMEM_KEY=both)
    assert json.loads(rotated.stdout)["left"] == 0, rotated.stderr
    assert b"zinnia" in run("reconstruct", "s", OPTIMEM_STORE=store, OPTIMEM_KEY=new).stdout
    assert run("rotate-keys", "--store", str(tmp_path / "plain.db")).returncode == 1
    broken = run("stats", OPTIMEM_STORE=store, OPTIMEM_KEY="hunter2")
    assert b"optimem new-key" in broken.stderr
    assert b"hunter2" not in broken.stderr


def test_a_user_whose_key_is_dropped(tmp_path: Path) -> None:
    settings = {
        "OPTIMEM_STORE": str(tmp_path / "m.db"),
        "OPTIMEM_KEY": "ab" * 32,
        "OPTIMEM_USER_KEYS": str(tmp_path / "users"),
    }
    assert run("remember", "work/ann/s", "-", stdin=b"words", **settings).returncode == 0
    assert run("drop-key", "work/ann", stdin=b"n\n", **settings).returncode == 0
    assert run("drop-key", "work/ann", "--yes", **settings).returncode == 0
    assert run("drop-key", "work/ann", "--yes", **settings).returncode == 1
    assert b"words" not in run("reconstruct", "work/ann/s", **settings).stdout
    more = run("remember", "work/ann/s", "-", stdin=b"more", **settings)
    assert more.returncode == 1
    assert b"its key is not among those given" in more.stderr
    assert run("forget", "work/ann", "--user", "--yes", **settings).returncode == 0
    assert run("remember", "work/ann/s", "-", stdin=b"more", **settings).returncode == 0
    assert run("drop-key", "work/ann", "--yes").returncode == 1
