"""Runs the command line as a user does: in this process, which takes a hundredth of the time, or,
where the process itself is tested, in one of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from unittest.mock import patch

from optimem.cli import main

Done = subprocess.CompletedProcess[bytes]

WIDTH = {"COLUMNS": "80"}
"""What the interpreter takes it to be without a terminal."""


def run(*arguments: str, stdin: bytes | BytesIO = b"", **environment: str) -> Done:
    """The finished command, run in this process, its output in bytes."""
    given_bytes = BytesIO(stdin) if isinstance(stdin, bytes) else stdin
    out, err = BytesIO(), BytesIO()
    with (
        _stream(out) as stdout,
        _stream(err) as stderr,
        _stream(given_bytes) as given,
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        patch.object(sys, "stdin", given),
        patch.object(sys, "argv", ["optimem", *arguments]),
        patch.dict(os.environ, {**WIDTH, **environment}),
    ):
        code = _exit_code()
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def run_process(*arguments: str, stdin: bytes = b"", **environment: str) -> Done:
    """The same in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "optimem.cli", *arguments],
        input=stdin,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )


def _exit_code() -> int:
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@contextmanager
def _stream(raw: BytesIO) -> Iterator[TextIOWrapper]:
    """Text over bytes, as the interpreter's streams are; the bytes stay open."""
    text = TextIOWrapper(raw, encoding="utf-8", write_through=True)
    yield text
    text.detach()
