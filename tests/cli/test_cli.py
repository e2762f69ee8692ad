"""The command line as a whole: its help, its exit codes, its errors."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from optimem.cli import EXIT_CODES, cli
from tests.cli.command import run

WIDTH = 80


@pytest.mark.parametrize("name", [None, *sorted(cli.commands)])
def test_help_fits_a_terminal(name: str | None) -> None:
    asked = [] if name is None else [name]
    page = CliRunner().invoke(cli, [*asked, "--help"], prog_name="optimem", terminal_width=WIDTH)
    assert page.exit_code == 0
    _, *lines = page.output.splitlines()
    assert [line for line in lines if len(line) > WIDTH] == []
    assert [line for line in lines if line.endswith("...")] == []  # a summary cut short
    assert "Example" in page.output


@pytest.mark.parametrize("command", cli.commands.values(), ids=list(cli.commands))
def test_every_option_is_described(command: click.Command) -> None:
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_wrong_usage_exits_with_2(tmp_path: Path) -> None:
    assert run("compress", "-", stdin=b"x").returncode == 2
    assert run("compress", "x.txt", "--tier", "huge").returncode == 2
    assert run("compress", str(tmp_path / "missing.txt")).returncode == 2
    assert run("nonsense").returncode == 2


def test_errors_are_named_and_exit_with_1(tmp_path: Path) -> None:
    done = run("stats", "--store", "redis://127.0.0.1:1")
    assert done.returncode == 1
    assert b"optimem: " in done.stderr
    foreign = tmp_path / "x.db"
    foreign.write_bytes(b"this is not a database, it is text" * 40)
    assert run("stats", "--store", str(foreign)).returncode == 1
    assert foreign.read_bytes().startswith(b"this is not a database")


def test_the_exit_codes_are_in_the_help() -> None:
    page = run("--help").stdout.decode()
    assert page.startswith("Usage: optimem [OPTIONS] COMMAND")
    for code, meaning in EXIT_CODES.items():
        assert f"{code}" in page
        assert meaning.split(",")[0] in page


def test_a_pipe_closed_early_is_met_with_silence() -> None:
    command = f"{sys.executable} -m optimem.cli compress-prompt --list-models | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1
