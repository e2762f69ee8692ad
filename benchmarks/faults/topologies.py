"""The servers that a run needs, and the faults that each kind can have: real servers in a temporary
folder, those of the tests.
"""

import random
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import redis

from tests.servers import PATIENCE, REDIS_CLI, RedisSentinel, RedisServer, free_port

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


class Topology(NamedTuple):
    """Where the store is. `faults`: to be called one after the other during a run, by name.
    `stop`: ends the servers. `changes`: when another server became the primary, in seconds since
    the epoch; what was acknowledged then may be lost."""

    url: str
    faults: dict[str, Callable[[], None]]
    stop: Callable[[], None]
    changes: Callable[[], list[float]] = list


def file(folder: Path) -> Topology:
    """A SQLite file."""
    return Topology(str(folder / "memory.db"), {}, lambda: None)


def server(folder: Path) -> Topology:
    """One server that keeps every write, and dies three times."""
    one = RedisServer(_made(folder / "one"), *DURABLE, port=free_port())

    def restart() -> None:
        one.kill()
        time.sleep(0.3)
        one.start()

    return Topology(one.url, {f"server killed {n}": restart for n in (1, 2, 3)}, one.stop)


def cluster(folder: Path) -> Topology:
    """A cluster of three, whose slots are moved about."""
    options = ("--cluster-enabled", "yes", *DURABLE)
    nodes = [
        RedisServer(_made(folder / str(n)), *options, "--cluster-config-file", "nodes.conf",
                    port=free_port())
        for n in range(3)
    ]  # fmt: skip
    places = [f"127.0.0.1:{node.port}" for node in nodes]
    _cli("--cluster", "create", *places, "--cluster-yes")
    _wait_for(lambda: all(_info(node)["cluster_state"] == "ok" for node in nodes))

    def reshard() -> None:
        to, other = random.sample(range(3), 2)
        ids = [_client(node).execute_command("CLUSTER MYID").decode() for node in nodes]
        _cli("--cluster", "reshard", places[0], "--cluster-from", ids[other], "--cluster-to",
             ids[to], "--cluster-slots", "300", "--cluster-yes")  # fmt: skip

    def stop() -> None:
        for node in nodes:
            node.stop()

    url = f"redis+cluster://{places[0]}"
    return Topology(url, {f"slots moved {n}": reshard for n in (1, 2)}, stop)


def sentinel(folder: Path) -> Topology:
    """A primary with a replica, and a sentinel that changes their roles. Who has no replica takes
    no writes, so that a primary that was replaced stops soon."""
    options = (*DURABLE, "--min-replicas-to-write", "1", "--min-replicas-max-lag", "2")
    first = RedisServer(_made(folder / "first"), *options, port=free_port())
    follow = ("--replicaof", f"127.0.0.1 {first.port}")
    second = RedisServer(_made(folder / "second"), *options, *follow, port=free_port())
    watcher = RedisSentinel(_made(folder / "sentinel"), "home", first.port)
    _wait_for(lambda: _client(second).info("replication")["master_link_status"] == "up")

    def fail_over() -> None:
        with redis.Redis(port=watcher.port) as client:
            _wait_for(lambda: bool(client.execute_command("SENTINEL FAILOVER", "home")))

    def changes() -> list[float]:
        log = (folder / "sentinel" / "sentinel.log").read_text().splitlines()
        return [_moment(line) for line in log if "+try-failover" in line or "+switch" in line]

    def stop() -> None:
        for each in (watcher, first, second):
            each.stop()

    url = f"redis+sentinel://127.0.0.1:{watcher.port}/home/0"
    return Topology(url, {"fail-over": fail_over}, stop, changes)


TOPOLOGIES: dict[str, Callable[[Path], Topology]] = {
    "file": file, "server": server, "cluster": cluster, "sentinel": sentinel,
}  # fmt: skip


def _moment(line: str) -> float:
    """The time of a line of a server's log, such as "81:X 22 Nov 2026 00:31:07.123 # …"."""
    return datetime.strptime(" ".join(line.split()[1:5]), "%d %b %Y %H:%M:%S.%f").timestamp()


def _client(node: RedisServer) -> Any:
    return redis.Redis.from_url(node.url)


def _info(node: RedisServer) -> dict[str, str]:
    found = _client(node).execute_command("CLUSTER INFO")
    if isinstance(found, dict):
        return found
    return dict(line.split(":") for line in found.decode().split("\r\n") if ":" in line)


def _cli(*arguments: str) -> None:
    subprocess.run([str(REDIS_CLI), *arguments], check=True, capture_output=True)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("the servers do not agree")
        time.sleep(0.1)
