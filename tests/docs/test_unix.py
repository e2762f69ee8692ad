"""The table of docs/unix.md says of every command what its parameters say; what the rows promise of
pipes is run."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from optimem.cli import cli
from tests.cli.command import run
from tests.docs.shell import ROOT

PAGE = (ROOT / "docs" / "unix.md").read_text("utf-8")
ROWS = {
    name: [cell.strip() for cell in cells.split("|")]
    for name, cells in re.findall(r"^\| `([\w-]+)` \| (.*) \|$", PAGE, re.M)
}
PLAIN = {
    "demo", "drop-key", "new-access-key", "new-key", "pin", "readmit", "serve", "unpin",
}  # fmt: skip
"""Commands that neither read a stream nor print data."""


def parameters(name: str) -> dict[str, click.Parameter]:
    return {str(each.name): each for each in cli.commands[name].params}


def test_every_command_has_a_row() -> None:
    assert set(ROWS) | PLAIN == set(cli.commands)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_says_what_the_parameters_say(name: str) -> None:
    stdin, stdout, several, as_json, _ = ROWS[name]
    found = parameters(name)
    many = any(each.nargs == -1 for each in found.values())
    assert bool(several) == many
    assert (as_json == "yes") == ("as_json" in found)
    assert ("-o" in stdout or "--out" in stdout) == ("out" in found)
    if stdin.endswith("or no FILE"):
        assert not next(
            iter(p for n, p in found.items() if n.startswith(("file", "source")))
        ).required
    if stdin:
        assert {"file", "files", "source", "sources"} & set(found)


@pytest.mark.parametrize("name", [name for name in cli.commands if "scope" in parameters(name)])
def test_a_shell_completes_the_scope(name: str, tmp_path: Path) -> None:
    scope = parameters(name)["scope"]
    context = click.Context(cli.commands[name])
    context.params["store"] = str(tmp_path / "none.db")
    assert scope.shell_complete(context, "w") == []
    assert not list(tmp_path.iterdir())


def test_scopes_are_completed_by_bash(tmp_path: Path) -> None:
    store = str(tmp_path / "m.db")
    for scope in ("work/ann/monday", "work/bob/monday"):
        assert run("remember", scope, "--store", store, stdin=b"hello").returncode == 0
    done = run(
        _OPTIMEM_COMPLETE="bash_complete", COMP_WORDS="optimem recall work/a", COMP_CWORD="2",
        OPTIMEM_STORE=store,
    )  # fmt: skip
    assert done.stdout == b"plain,work/ann/monday\n"


def test_a_closed_pipe_is_met_with_silence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a line of text\n" * 4000)
    for command in ("scopes --help", f"compress-prompt {tmp_path / 'notes.txt'} --model gpt-4o"):
        line = f"{sys.executable} -m optimem.cli {command} 2>{tmp_path / 'said'} | head -c 1"
        done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
        assert len(done.stdout) == 1
        assert "Traceback" not in (tmp_path / "said").read_text()
