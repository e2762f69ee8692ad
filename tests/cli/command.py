"""Runs the command line as a user does: in a process of its own."""

import os
import subprocess
import sys


def run(
    *arguments: str, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The finished process, its output in bytes."""
    return subprocess.run(
        [sys.executable, "-m", "optimem.cli", *arguments],
        input=stdin,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )
