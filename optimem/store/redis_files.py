"""The files in which a Redis server keeps what was removed until it writes them anew: the
append-only file and the snapshot. Knows no keys.
"""

import time
from collections.abc import Iterator
from typing import Any

from optimem.errors import StoreError
from optimem.store.redis_client import RedisConnection, RedisNode

_PAUSE = 0.05
"""Seconds between looks at a server that is writing a file."""
_REWRITE = "run `optimem purge`, which has it rewritten"
_RUNNING = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")


class ServerFiles:
    """The files of every primary behind a connection. Those of replicas cannot be reached from
    there and are only named."""

    def __init__(self, connection: RedisConnection) -> None:
        self._redis = connection

    def residue(self) -> list[str]:
        """Where removed bytes may still be; see `Store.wipe`."""
        return [place for node in self._redis.primaries() for place in _residue(node)]

    def rewrite(self) -> list[str]:
        """Have every file written anew, one after the other, and wait for it. Returns where
        removed bytes may still be; see `Store.purge`."""
        return [place for node in self._redis.primaries() for place in _rewrite(node)]


def _residue(node: RedisNode) -> Iterator[str]:
    try:
        if _info(node)["aof_enabled"]:
            yield f"the append-only file of {node.name}; {_REWRITE}"
        if _takes_snapshots(node):
            yield f"the snapshot (RDB file) of {node.name}, until the next one; {_REWRITE}"
        yield from _replicas(node)
    except StoreError as error:
        yield f"the files of {node.name}, which cannot be looked at ({error}); {_REWRITE}"


def _rewrite(node: RedisNode) -> Iterator[str]:
    try:
        if _info(node)["aof_enabled"]:
            yield from _run(node, "BGREWRITEAOF", "aof_last_bgrewrite_status")
        if _takes_snapshots(node):
            yield from _run(node, "BGSAVE", "rdb_last_bgsave_status")
        yield from _replicas(node)
    except StoreError as error:
        yield (
            f"the files of {node.name}: {error}; run BGREWRITEAOF and BGSAVE there, or allow this "
            "user to (+info +config|get +bgrewriteaof +bgsave)"
        )


def _run(node: RedisNode, command: str, status: str) -> Iterator[str]:
    """Run a command that writes a file in the background, and wait for its end."""
    _wait(node)
    try:
        node.call(command)
    except StoreError as error:
        if "in progress" not in str(error):  # somebody else's has begun just now: as good
            raise
    if _wait(node)[status] != "ok":
        yield f"a file of {node.name}: {command} failed there; see its log, then purge again"


def _wait(node: RedisNode) -> dict[str, Any]:
    """Wait until the server writes no file; its state then."""
    while True:
        found = _info(node)
        if not any(found.get(name) for name in _RUNNING):
            return found
        time.sleep(_PAUSE)


def _info(node: RedisNode) -> dict[str, Any]:
    found: dict[str, Any] = node.call("INFO", "persistence")
    return found


def _takes_snapshots(node: RedisNode) -> bool:
    """Whether the server saves by itself, or has saved since it started."""
    saves = node.call("CONFIG GET", "save")
    return any(saves.values()) or _info(node).get("rdb_saves", 0) > 0


def _replicas(node: RedisNode) -> Iterator[str]:
    count = node.call("INFO", "replication").get("connected_slaves", 0)
    if count:
        yield (
            f"the files of {count} replicas of {node.name}, if they write any; run BGREWRITEAOF "
            "and BGSAVE on each"
        )
