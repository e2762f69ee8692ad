"""What a Redis server must be before a store opens on it: not one that evicts keys, which would
lose turns without a word, and not a node of a cluster behind the URL of a single server.
"""

import logging
from typing import Any

from redis.exceptions import NoPermissionError

from optimem.errors import InputError, StoreUnavailableError
from optimem.store.redis_client import RedisConnection, RedisNode

log = logging.getLogger("optimem")

_OLDEST = 7
"""First major version with all that the scripts need."""


def check_server(connection: RedisConnection) -> dict[str, str]:
    """Ask every primary once; what it is and can do, as told by the last. Raises InputError for one
    that cannot hold a store; logs a warning where the user may not ask."""
    info: dict[str, Any] | None = None
    nodes = connection.primaries()
    for node in nodes:
        info = _allowed(node, "INFO")
        if info is not None:
            _check_version(node, info)
            if not connection.is_cluster:
                _check_is_single(connection, info)
        _check_policy(node, info if info is not None else _asked_policy(node))
    topology = f"cluster of {len(nodes)} primaries" if connection.is_cluster else "one primary"
    return {"topology": topology, **_described(info or {})}


def _described(info: dict[str, Any]) -> dict[str, str]:
    """What a server says of itself; nothing if it may not be asked."""
    if not info:
        return {"kind": "unknown: this user may not run INFO"}
    name, version = (
        ("Valkey", "valkey_version") if "valkey_version" in info else ("Redis", "redis_version")
    )
    files = {"append-only file": "aof_enabled", "snapshots": "rdb_saves"}
    kept = [name for name, field in files.items() if info.get(field)]
    limit = (
        info.get("maxmemory") and f"{info.get('maxmemory_human')}, {info.get('maxmemory_policy')}"
    )
    return {
        "kind": f"{name} {info.get(version)}",
        "persistence": ", ".join(kept) or "none yet",
        "memory limit": limit or "none",
        "replicas": str(info.get("connected_slaves", 0)),
    }


def _check_version(node: RedisNode, info: dict[str, Any]) -> None:
    version = str(info.get("redis_version", _OLDEST))
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < _OLDEST:
        raise InputError(f"{node.name} is Redis {version}; a store needs {_OLDEST}.0 or later")


def _check_is_single(connection: RedisConnection, info: dict[str, Any]) -> None:
    if info.get("cluster_enabled"):
        url = connection.name.replace("://", "+cluster://", 1)
        raise InputError(
            f"{connection.name} is a node of a cluster; give "
            f"{url if '://' in url else 'a redis.RedisCluster, or a redis+cluster:// URL'}"
        )


def _check_policy(node: RedisNode, found: dict[str, Any] | None) -> None:
    if found is None:
        log.warning(
            "cannot see whether %s evicts keys when it is full; allow this user +info, or make "
            "sure that its maxmemory-policy is noeviction",
            node.name,
        )
        return
    policy = str(found.get("maxmemory_policy", ""))
    if policy.startswith("allkeys"):
        raise InputError(
            f"{node.name} evicts any key when it is full (maxmemory-policy {policy}), so turns "
            "would be lost; run CONFIG SET maxmemory-policy noeviction there, or use another server"
        )


def _asked_policy(node: RedisNode) -> dict[str, Any] | None:
    found = _allowed(node, "CONFIG GET", "maxmemory-policy")
    return found and {"maxmemory_policy": found.get("maxmemory-policy", "")}


def _allowed(node: RedisNode, *command: str) -> dict[str, Any] | None:
    """The reply to a command; None if the user may not run it."""
    try:
        reply: dict[str, Any] = node.call(*command)
    except StoreUnavailableError as error:
        if isinstance(error.__cause__, NoPermissionError):
            return None
        raise
    return reply
