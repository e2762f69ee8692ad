"""Real Redis servers for tests: started in a temporary folder, stopped at the end."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import redis

REDIS_SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
REDIS_CLI = shutil.which("redis-cli") or shutil.which("valkey-cli")
PATIENCE = 20.0
"""Seconds a server may take to answer on a busy machine."""


class RedisServer:
    """One server on a unix socket, or on a loopback port if one is given."""

    def __init__(self, folder: Path, *options: str, port: int = 0) -> None:
        self._socket = folder / "redis.sock"
        self.port = port
        self.url = f"redis://127.0.0.1:{port}" if port else f"unix://{self._socket}"
        self._command = [str(REDIS_SERVER), "--dir", str(folder), "--port", str(port)]
        self._command += ["--bind", "127.0.0.1", "--unixsocket", str(self._socket)]
        self._command += ["--save", "", "--logfile", str(folder / "redis.log"), *options]
        self.start()

    def start(self) -> None:
        """Start it, with what it kept from before, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        with redis.Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    if time.monotonic() > deadline or self._process.poll() is not None:
                        raise
                time.sleep(0.01)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


def free_port() -> int:
    """A loopback port that nobody listens on, nor on the cluster bus port above it."""
    while True:
        with socket.socket() as probe, socket.socket() as bus:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            if port > 55_000:
                continue
            try:
                bus.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port


def need_redis(program: str | None) -> None:
    """Skip the test if a program of Redis is not installed; in CI, fail it."""
    if program is None:
        reason = "redis-server, redis-cli or Valkey's are not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
