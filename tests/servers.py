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
OPENSSL = shutil.which("openssl")
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


class RedisSentinel:
    """One sentinel that watches a primary on this machine and decides alone."""

    def __init__(self, folder: Path, service: str, primary: int) -> None:
        self.port = free_port()
        settings = folder / "sentinel.conf"
        settings.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\nlogfile {folder}/sentinel.log\n"
            f"sentinel monitor {service} 127.0.0.1 {primary} 1\n"
            f"sentinel down-after-milliseconds {service} 500\n"
            f"sentinel failover-timeout {service} 2000\n"
        )
        command = [str(REDIS_SERVER), str(settings), "--sentinel"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def certificates(folder: Path) -> Path:
    """A folder with the certificate of an authority, and with a server's certificate and key."""
    subject = ["-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    new = ["req", "-newkey", "rsa:2048", "-nodes"]
    for command in (
        [*new, "-x509", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=test"],
        [*new, "-keyout", "server.key", "-out", "server.csr", *subject, *names],
        ["x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "2",
         "-CAcreateserial", "-copy_extensions", "copy", "-out", "server.crt"],
    ):  # fmt: skip
        subprocess.run([str(OPENSSL), *command], cwd=folder, check=True, capture_output=True)
    return folder


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
