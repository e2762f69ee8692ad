"""Runs the shell lines of the documentation in this process, so that each costs milliseconds.

Knows what those lines use: `optimem`, `&&`, `||`, `;`, pipes, `<`, `>`, `>>`, variables, `cat` and
`echo`; `curl` against a service in this process; checks of `pip install`, `make` and `docker` that
what they name exists. What takes minutes (demo, evaluation, training) or needs a sealed store only
has its arguments parsed.
"""

import argparse
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from itertools import dropwhile, pairwise
from pathlib import Path
from unittest.mock import patch

from click.testing import CliRunner
from starlette.testclient import TestClient

from optimem import OpticalMemory
from optimem.cli import cli
from optimem.serve.app import create_app
from optimem.serve.backend import Backend
from optimem.serve.http import HttpDoor
from optimem.serve.settings import ServeSettings

ROOT = Path(__file__).parents[2]
ASSIGNMENT = re.compile(r"[A-Z_]+=")
CONNECTIVES = ("&&", "||")
PARSED = (
    "copy",
    "demo",
    "drop-key",
    "encode-corpus",
    "eval",
    "import",
    "mcp",
    "read-corpus",
    "reencode",
    "reindex",
    "rotate-keys",
    "serve",
    "server-command",
    "verify-receipt",
    "worker",
)
"""Commands that take long, or need what only another command makes; tests/cli runs them."""
TYPED = b"y\n"
"""What the user types if a command asks."""
UNKNOWN = b"?\n"
"""What a command would print that was only parsed; what reads it is only parsed, too."""


def run_script(script: str) -> bytes:
    """What the lines of a script print; AssertionError names a line that fails."""
    printed = b""
    for line in script.splitlines():
        status, out = _run_line(_words(line))
        assert status == 0, f"exit code {status}: {line}\n{out.decode()}"
        printed += out
    return printed


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return ["&&" if word == ";" else word for word in lexer if word not in ("(", ")")]


def _run_line(words: list[str]) -> tuple[int, bytes]:
    status, printed = 0, b""
    for connective, pipeline in _split(words, CONNECTIVES):
        if (connective == "&&" and status) or (connective == "||" and not status):
            continue
        status, out = 0, TYPED
        for _, command in _split(pipeline, ("|",)):
            status, out = _run_redirected(command, out)
        printed += out if out is not UNKNOWN else b""
    return status, printed


def _split(words: list[str], marks: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """The parts between marks, each with the mark before it."""
    at = [-1, *(i for i, word in enumerate(words) if word in marks), len(words)]
    for start, end in pairwise(at):
        if words[start + 1 : end]:
            yield words[start] if start >= 0 else "", words[start + 1 : end]


def _run_redirected(words: list[str], given: bytes) -> tuple[int, bytes]:
    target, mode = "", "wb"
    while len(words) > 2 and words[-2] in ("<", ">", ">>"):
        *words, direction, name = words
        if direction == "<":
            given = Path(name).read_bytes()
        else:
            target, mode = name, "ab" if direction == ">>" else "wb"
    status, out = _run(words, given)
    if target:
        with Path(target).open(mode) as file:
            file.write(out)
        out = b""
    return status, out


def _run(words: list[str], given: bytes) -> tuple[int, bytes]:
    words = list(dropwhile(ASSIGNMENT.match, words))
    if not words:
        return 0, b""
    program, *arguments = words
    unmade = given is UNKNOWN or arguments[0] in PARSED or "--watch" in arguments
    if program == "optimem" and unmade:
        cli.commands[arguments[0]].make_context(arguments[0], arguments[1:])
        return 0, UNKNOWN
    if program == "optimem":
        done = CliRunner().invoke(cli, arguments, input=given)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout_bytes or done.stderr_bytes
    if program == "cat":
        return 0, b"".join(Path(name).read_bytes() for name in arguments)
    if program == "echo":
        return 0, " ".join(arguments).encode() + b"\n"
    if program in ("open", "chmod", "export", "umask"):
        return 0, b""
    if program == "curl":
        return _curl(arguments)
    return _CHECKS[program](arguments), b""


def _check_pip(arguments: list[str]) -> int:
    """The extras that are asked for exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    verb, requirement = arguments
    named = re.fullmatch(r"optimem(?:\[([\w,]+)\])?", requirement)
    extras = set(named[1].split(",")) if named and named[1] else set()
    known = named and extras <= set(project["optional-dependencies"])
    return 0 if verb == "install" and known else 1


def _curl(arguments: list[str]) -> tuple[int, bytes]:
    """What a service over the memory of this place answers; a status from 400 on is a failure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    given = parser.parse_args(arguments)
    headers = dict(header.split(": ", 1) for header in given.H)
    with OpticalMemory.open() as memory:
        app = create_app(memory, ServeSettings(), [HttpDoor(Backend(memory))])
        with TestClient(app, "http://127.0.0.1") as client:
            method = "POST" if given.d else "GET"
            answer = client.request(method, given.url, headers=headers, content=given.d)
    return int(answer.status_code >= 400), answer.content


def _check_docker(arguments: list[str]) -> int:
    """There is a compose file."""
    return 0 if arguments[0] == "compose" and (ROOT / "compose.yaml").exists() else 1


def _check_make(arguments: list[str]) -> int:
    """The target exists."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    return 0 if re.search(rf"^{re.escape(arguments[0])}:", makefile, re.M) else 1


def _parse_python(arguments: list[str]) -> int:
    """A training command takes its arguments; tests/training runs what it does with them."""
    flag, name, *rest = arguments
    taken = argparse.ArgumentParser.parse_args

    def parse(parser: argparse.ArgumentParser) -> None:
        taken(parser, rest)
        raise InterruptedError

    with patch.object(argparse.ArgumentParser, "parse_args", parse):
        try:
            _command(name)()
        except InterruptedError:
            return 0 if flag == "-m" else 1
    return 1


def _command(name: str) -> Callable[[], None]:
    """What `python -m NAME` runs."""
    spec = find_spec(name)
    if spec and spec.submodule_search_locations is not None:
        name += ".__main__"
    main: Callable[[], None] = import_module(name).main
    return main


_CHECKS = {"docker": _check_docker, "pip": _check_pip, "make": _check_make, "python": _parse_python}
