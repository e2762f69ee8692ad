"""`optimem serve` as a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STARTED = re.compile(r"optimem serves (http://\S+);")
PATIENCE = 120.0
"""Seconds that it may take to start or to stop on a busy machine."""


class Service:
    """A running service. `url`: where. `log`: its lines on standard error so far."""

    def __init__(self, *options: str, **environment: str) -> None:
        self.log: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "optimem.cli", "serve", "--port", "0", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip
        self._started, self.url = threading.Event(), ""
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        assert self._started.wait(PATIENCE), self.log

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            found = STARTED.search(line)
            if found:
                self.url = found[1]
                self._started.set()
        self._started.set()

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Its exit code."""
        return self._process.wait(PATIENCE)

    def read_to_end(self) -> None:
        """Have all of the log, once it has ended."""
        self._reading.join(PATIENCE)

    def kill(self) -> None:
        """End it at once, if it runs."""
        self._process.kill()
        self._process.wait()


@contextmanager
def service(folder: Path, *options: str) -> Iterator[Service]:
    """A service on a store in a folder."""
    running = Service(*options, OPTIMEM_STORE=str(folder / "memory.db"))
    try:
        yield running
    finally:
        running.kill()
