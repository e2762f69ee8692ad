"""What docs/unix.md promises beyond its table: completion changes nothing, closed pipes are no
error, and numpy keeps to a thread."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from optimem.cli import cli, limit_threads


def parameters(name: str) -> dict[str, click.Parameter]:
    return {str(each.name): each for each in cli.commands[name].params}


@pytest.mark.parametrize("name", [name for name in cli.commands if "scope" in parameters(name)])
def test_a_shell_completes_the_scope(name: str, tmp_path: Path) -> None:
    scope = parameters(name)["scope"]
    context = click.Context(cli.commands[name])
    context.params["store"] = str(tmp_path / "none.db")
    assert scope.shell_complete(context, "w") == []
    assert not list(tmp_path.iterdir())


def test_a_closed_pipe_is_met_with_silence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a line of text\n" * 4000)
    for command in ("scopes --help", f"compress-prompt {tmp_path / 'notes.txt'} --model gpt-4o"):
        line = f"{sys.executable} -m optimem.cli {command} 2>{tmp_path / 'said'} | head -c 1"
        done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
        assert len(done.stdout) == 1
        assert "Traceback" not in (tmp_path / "said").read_text()


@pytest.mark.parametrize("name", ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"])
def test_threads_are_limited_unless_the_user_says_how_many(name: str) -> None:
    environment = {name: "4"}
    limit_threads(environment)
    assert environment == {name: "4"}
    limit_threads(environment := {})
    assert environment == {"OPENBLAS_NUM_THREADS": "1"}


def test_the_limit_is_set_before_numpy_is_imported() -> None:
    """OpenBLAS looks at it only then."""
    code = """
import sys
from optimem import cli
limit = cli.limit_threads
cli.limit_threads = lambda given: (limit(given), print("numpy" in sys.modules))
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"], capture_output=True, check=True
    )
    assert done.stdout.startswith(b"False\n")
