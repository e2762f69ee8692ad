"""A connection to Redis: makes the client, runs scripts by their hash, translates errors.

Works with one server, through Sentinel's `master_for`, and with a cluster. Knows no keys.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import redis
from redis.backoff import NoBackoff
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
from redis.retry import Retry

from optimem.errors import (
    InputError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnavailableError,
)

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

    Takes a `url`, a `client`, or neither: then the URL is the variable REDIS_URL. URL schemes:
    redis, rediss and unix for a server, redis+cluster and rediss+cluster for a cluster.
    `timeout`: seconds to wait for a reply; applies to a client made here. Raises InputError for
    a URL or client that cannot be used.
    """

    def __init__(self, url: str | None, client: object | None, timeout: float) -> None:
        if url is not None and client is not None:
            raise InputError("both a Redis URL and a client were given; give one of them")
        self._owned = client is None
        if client is not None:
            self.name = "the given Redis client"
            self._client = _checked(client)
        else:
            url = url or os.environ.get("REDIS_URL", "")
            self.name = _without_password(url)
            with redis_errors(self.name):
                self._client = _checked(_connect(url, timeout, self.name))
        self._execute: Callable[..., Any] = self._client.execute_command

    def call(self, *command: Argument, **options: Any) -> Any:
        """Run a command. `options`: of the client, such as the node to run it on."""
        with redis_errors(self.name):
            return self._execute(*command, **options)

    def primaries(self) -> "list[RedisNode]":
        """The server, or every primary of a cluster."""
        if isinstance(self._client, redis.Redis):
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
        sha = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        rest = (len(keys), *keys, *arguments)
        with redis_errors(self.name):
            try:
                return self._execute("EVALSHA", sha, *rest)
            except NoScriptError:
                return self._execute("EVAL", script, *rest)

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


@contextmanager
def redis_errors(name: str) -> Iterator[None]:
    """Raise the client's errors as ours. `name`: of the server, for the message."""
    try:
        yield
    except OutOfMemoryError as error:
        raise StoreFullError(f"{name}: {error}; raise its maxmemory or delete something") from error
    except _UNREACHABLE as error:
        raise StoreUnavailableError(
            f"cannot use {name}: {error}; check that the server is running, and the URL, password "
            "and permissions"
        ) from error
    except ResponseError as error:
        if str(error).startswith(("BUSY ", "TRYAGAIN ")):
            raise StoreLockedError(f"{name}: {error}; retry later") from error
        if str(error).startswith(("MISCONF", "NOREPLICAS", "MASTERDOWN")):
            raise StoreUnavailableError(f"{name} refuses writes: {error}") from error
        raise StoreError(f"{name} refused a command: {error}") from error
    except RedisError as error:
        raise StoreError(f"{name}: {error}") from error


def _connect(url: str, timeout: float, name: str) -> RedisClient:
    """A client for a URL. It retries once, because the server may have dropped a pooled
    connection."""
    if not url:
        raise InputError("no Redis server given; give a URL or a client, or set REDIS_URL")
    scheme, separator, rest = url.partition("://")
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 1),
    }
    try:
        if scheme.endswith("+cluster"):
            plain = scheme.removesuffix("+cluster") + separator + rest
            return redis.RedisCluster.from_url(plain, **options)
        return redis.Redis.from_url(url, **options)
    except ValueError as error:
        raise InputError(f"{name} is not a Redis URL: {error}") from None


def _checked(client: object) -> RedisClient:
    """`client`, if it can serve as a store. Raises InputError if not."""
    if not isinstance(client, RedisClient):
        raise InputError(
            f"{type(client).__module__}.{type(client).__name__} is neither a store address nor a "
            "client; give a path, a URL, a redis.Redis or a redis.RedisCluster"
        )
    if client.get_encoder().decode_responses:
        raise InputError(
            "the Redis client decodes responses, but values are bytes; create it with "
            "decode_responses=False"
        )
    return client


def _without_password(url: str) -> str:
    """A URL as messages may show it."""
    return re.sub(r"//[^/@]*@", "//…@", url.partition("?")[0])
