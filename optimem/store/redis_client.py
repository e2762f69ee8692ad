"""A connection to Redis: makes the client, runs scripts by their hash, translates errors.

Works with one server, through Sentinel's `master_for`, and with a cluster. Knows no keys.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, NamedTuple

import redis
import redis.asyncio
from redis.exceptions import (
    ClusterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
)

from optimem.errors import (
    FormatError,
    InputError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnavailableError,
)
from optimem.store.arguments import redacted
from optimem.store.redis_url import connect, sync_twin

RedisClient = redis.Redis | redis.RedisCluster
"""A client as callers may pass it. `RedisCluster` is not a subclass of `Redis`."""

Argument = str | bytes | int
"""An argument of a command or a script."""

_UNREACHABLE = (
    redis.ConnectionError,  # includes AuthenticationError and BusyLoadingError
    redis.TimeoutError,
    ClusterDownError,
    NoPermissionError,
    ReadOnlyError,
    RedisClusterException,
)


class RedisNode(NamedTuple):
    """A server, and how to run a command on it."""

    name: str
    call: Callable[..., Any]


class RedisConnection:
    """A Redis client whose errors are ours.

    Takes a `url` as in `redis_url`, a `client`, or neither: then the URL is the variable REDIS_URL.
    `timeout`: seconds to wait for a reply; applies to a client made here. Raises InputError for
    a URL or client that cannot be used.
    """

    def __init__(self, url: str | None, client: object | None, timeout: float) -> None:
        if url is not None and client is not None:
            raise InputError("both a Redis URL and a client were given; give one of them")
        self._owned = client is None
        if client is not None:
            self.name = "the given Redis client"
            twin = sync_twin(client) if isinstance(client, redis.asyncio.Redis) else None
            self._owned = twin is not None  # the client itself stays open
            self._client = _checked(twin or client)
        else:
            url = url or os.environ.get("REDIS_URL", "")
            if not url:
                raise InputError("no Redis server given; give a URL or a client, or set REDIS_URL")
            self.name = redacted(url)
            with redis_errors(self.name):
                self._client = _checked(connect(url, timeout))
        self._execute: Callable[..., Any] = self._client.execute_command

    def call(self, *command: Argument, **options: Any) -> Any:
        """Run a command. `options`: of the client, such as the node to run it on."""
        with redis_errors(self.name):
            return self._execute(*command, **options)

    @property
    def is_cluster(self) -> bool:
        """Whether it leads to a cluster."""
        return not isinstance(self._client, redis.Redis)

    def primaries(self) -> "list[RedisNode]":
        """The server, or every primary of a cluster."""
        if not self.is_cluster:
            return [RedisNode(self.name, self.call)]
        cluster: Any = self._client
        with redis_errors(self.name):
            nodes = cluster.get_primaries()
        return [
            RedisNode(f"{node.name} of {self.name}", partial(self.call, target_nodes=node))
            for node in nodes
        ]

    def run(self, script: str, keys: Sequence[str], *arguments: Argument) -> Any:
        """Run a script by its hash. Sends its text only to a server that does not have it yet,
        such as one that has restarted, or another node."""
        rest = (len(keys), *keys, *arguments)
        with redis_errors(self.name):
            try:
                return self._execute("EVALSHA", _hash(script), *rest)
            except NoScriptError:
                return self._execute("EVAL", script, *rest)

    def transact(self, commands: Sequence[Sequence[Argument]]) -> list[Any] | None:
        """The replies of commands in one transaction; None if one of them is a script that the
        server does not know. Not for a cluster, where older clients know no transactions. Raises
        the first error, when all commands have run."""
        with redis_errors(self.name):
            with self._client.pipeline(transaction=True) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                replies: list[Any] = pipeline.execute(raise_on_error=False)
            failed = [reply for reply in replies if isinstance(reply, Exception)]
            if failed and isinstance(failed[0], NoScriptError):
                return None
            if failed:
                raise failed[0]
            return replies

    def scripted(self, script: str, keys: Sequence[str], *arguments: Argument) -> list[Argument]:
        """A script as a command of a transaction, by its hash, which the server must know."""
        return ["EVALSHA", _hash(script), len(keys), *keys, *arguments]

    def fields(self, key: str) -> Iterator[bytes]:
        """The fields of a hash, a few at a time. A field may come twice."""
        cursor = 0
        while True:
            cursor, found = self.call("HSCAN", key, cursor)
            yield from found
            if cursor == 0:
                return

    def close(self) -> None:
        """Close the client if it was made here."""
        if self._owned:
            self._client.close()


@lru_cache(maxsize=64)
def _hash(script: str) -> str:
    """The hash under which a server knows a script."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


@contextmanager
def redis_errors(name: str) -> Iterator[None]:
    """Raise the client's errors as ours. `name`: of the server, for the message."""
    try:
        yield
    except OutOfMemoryError as error:
        raise StoreFullError(
            f"{name}: {_said(error)}; raise its maxmemory or delete something"
        ) from error
    except _UNREACHABLE as error:
        raise StoreUnavailableError(
            f"cannot use {name}: {_said(error)}; check that the server is running, and the URL, "
            "password and permissions"
        ) from error
    except ResponseError as error:
        said = _said(error)
        if said.startswith("PARTLOST "):
            raise lost_part(name, said.removeprefix("PARTLOST ")) from error
        if said.startswith(("BUSY ", "TRYAGAIN ")):
            raise StoreLockedError(f"{name}: {said}; retry later") from error
        if said.startswith(("MISCONF", "NOREPLICAS", "MASTERDOWN")):
            raise StoreUnavailableError(f"{name} refuses writes: {said}") from error
        raise StoreError(f"{name} refused a command: {said}") from error
    except RedisError as error:
        raise StoreError(f"{name}: {error}") from error


def _said(error: Exception) -> str:
    """What the server said, without the command that the client puts before it in a transaction."""
    return str(error).rpartition(" of pipeline caused error: ")[2]


def lost_part(name: str, key: str) -> FormatError:
    """The error for a scope of which the server does not hold all keys."""
    return FormatError(
        f"{name} has lost a part of a scope, evicted or deleted by others ({key}); restore it, or "
        "forget the scope"
    )


def _checked(client: object) -> RedisClient:
    """`client`, if it can serve as a store. Raises InputError if not."""
    if not isinstance(client, RedisClient):
        raise InputError(
            f"{type(client).__module__}.{type(client).__name__} is neither a store address nor a "
            "client; give a path, a URL, a redis.Redis, redis.asyncio.Redis or redis.RedisCluster"
        )
    if client.get_encoder().decode_responses:
        raise InputError(
            "the Redis client decodes responses, but values are bytes; create it with "
            "decode_responses=False"
        )
    return client
