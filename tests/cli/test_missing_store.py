"""A mistyped path: every command that reads names it and makes nothing."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from optimem import OpticalMemory
from optimem.cli import cli
from optimem.reports import ForgetReceipt

MAKE = {"remember", "import", "mcp", "serve"}
ARGUMENTS = {
    "recall": ["s", "q"], "ask": ["s", "q"], "reconstruct": ["s"], "export": ["s"],
    "forget": ["s", "--yes"], "readmit": ["s"], "pin": ["s", "t"], "unpin": ["s", "t"],
    "worker": ["--once"], "verify-receipt": ["receipt.json"], "reencode": ["s"],
}  # fmt: skip
READ = sorted(
    name
    for name in cli.list_commands(click.Context(cli))
    if any(each.name == "store" for each in cli.commands[name].params) and name not in MAKE
)
RECEIPT = ForgetReceipt(scopes=["s"], turns=0, pages=0, entries=0, bytes=0, left=0, residue=[])


def test_a_command_for_each_way_of_reading_is_tried() -> None:
    assert {"stats", "scopes", "check", "sweep", "inspect", "rotate-keys", *ARGUMENTS} <= set(READ)


@pytest.mark.parametrize("name", READ)
def test_a_mistyped_path_is_named_and_not_made(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with OpticalMemory.open("memory.db") as memory:
        memory.append("s", "hello")
    Path("receipt.json").write_text(RECEIPT.model_dump_json())
    before = sorted(tmp_path.iterdir())
    for address in ("memry.db", "sqlite:///memry.db"):
        done = CliRunner().invoke(cli, [name, *ARGUMENTS.get(name, []), "--store", address])
        assert done.exit_code != 0
        assert "no store 'memry.db'; did you mean memory.db?" in f"{done.output}{done.exception}"
    assert sorted(tmp_path.iterdir()) == before


def test_where_nothing_is_similar_the_way_to_make_one_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["stats", "--store", str(tmp_path / "none" / "x.db")])
    assert "`optimem remember` makes a new one" in done.output + str(done.exception)


def test_what_writes_makes_the_file(tmp_path: Path) -> None:
    store = tmp_path / "new.db"
    done = CliRunner().invoke(cli, ["remember", "s", "--store", str(store)], input="hello")
    assert done.exit_code == 0, done.output
    assert CliRunner().invoke(cli, ["stats", "--store", str(store)]).exit_code == 0
