"""Talking to Redis: a client from a URL, scripts by their hash, errors by our names.

Knows no keys. Works on a server, through Sentinel's `master_for`, and on a cluster.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

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
"""What may be given; `RedisCluster` is no subclass of `Redis`."""

Argument = str | bytes | int
"""Of a command or a script."""

_UNREACHABLE = (
    redis.ConnectionError,  # authentication and loading too
    redis.TimeoutError,
    ClusterDownError,
    NoPermissionError,
    ReadOnlyError,
    RedisClusterException,
)


class Server:
    """A Redis client, its name in messages, and whether it is ours to close.

    Exactly one of `url` and `client`; without both, the variable REDIS_URL. Schemes: redis,
    rediss, unix, and redis+cluster, rediss+cluster for a cluster. `timeout`: seconds to wait
    for an answer, of a client made here.
    """

    def __init__(self, url: str | None, client: object | None, timeout: float) -> None:
        if url is not None and client is not None:
            raise InputError("a Redis URL and a client were given; give one of them")
        self._owned = client is None
        if client is not None:
            self.place = "the given Redis client"
            self._client = _checked(client)
        else:
            url = url or os.environ.get("REDIS_URL", "")
            self.place = _without_password(url)
            with named_errors(self.place):
                self._client = _checked(_connect(url, timeout, self.place))
        self._execute: Callable[..., Any] = self._client.execute_command

    def call(self, *command: Argument) -> Any:
        """Run a command."""
        with named_errors(self.place):
            return self._execute(*command)

    def run(self, script: str, keys: Sequence[str], *arguments: Argument) -> Any:
        """Run a script by its hash; the server is sent the whole text when it does not know
        it, as after a restart or on another node."""
        sha = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        rest = (len(keys), *keys, *arguments)
        with named_errors(self.place):
            try:
                return self._execute("EVALSHA", sha, *rest)
            except NoScriptError:
                return self._execute("EVAL", script, *rest)

    def fields(self, key: str) -> Iterator[bytes]:
        """The fields of a hash, a few at a time; one may come twice."""
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
def named_errors(place: str) -> Iterator[None]:
    """Turn the client's errors into ours."""
    try:
        yield
    except OutOfMemoryError as error:
        raise StoreFullError(
            f"{place}: {error}; raise its maxmemory or forget something"
        ) from error
    except _UNREACHABLE as error:
        raise StoreUnavailableError(
            f"{place} cannot be used: {error}; check that the server runs, and the URL, "
            "password and permissions"
        ) from error
    except ResponseError as error:
        if str(error).startswith(("BUSY ", "TRYAGAIN ")):
            raise StoreLockedError(f"{place}: {error}; retry later") from error
        if str(error).startswith(("MISCONF", "NOREPLICAS", "MASTERDOWN")):
            raise StoreUnavailableError(f"{place} takes no writes: {error}") from error
        raise StoreError(f"{place} refused a command: {error}") from error
    except RedisError as error:
        raise StoreError(f"{place}: {error}") from error


def _connect(url: str, timeout: float, place: str) -> RedisClient:
    """A client for a URL. One retry, as a pooled connection may have been dropped."""
    if not url:
        raise InputError("no Redis server is named; give a URL or a client, or set REDIS_URL")
    scheme, separator, rest = url.partition("://")
    cluster = scheme.endswith("+cluster")
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 1),
    }
    try:
        if cluster:
            plain = scheme.removesuffix("+cluster") + separator + rest
            return redis.RedisCluster.from_url(plain, **options)
        return redis.Redis.from_url(url, **options)
    except ValueError as error:
        raise InputError(f"{place} is no Redis URL: {error}") from None


def _checked(client: object) -> RedisClient:
    """`client` unchanged. Raises InputError if it cannot serve as a store."""
    if not isinstance(client, RedisClient):
        raise InputError(
            f"{type(client).__module__}.{type(client).__name__} is no store address and no "
            "client; give a path, a URL, a redis.Redis or a redis.RedisCluster"
        )
    if client.get_encoder().decode_responses:
        raise InputError(
            "the Redis client decodes responses, but values are bytes; make it with "
            "decode_responses=False"
        )
    return client


def _without_password(url: str) -> str:
    """The URL as messages may show it."""
    return re.sub(r"//[^/@]*@", "//…@", url.partition("?")[0])
