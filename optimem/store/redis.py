"""The Redis store: plain Redis 7.0 or Valkey, one server or a cluster, no modules.

A scope's keys share one hash tag, so each commit is one script in one slot. The decay queue
has two levels: each scope's own due times, which are the truth, and shards that list scopes
by a time no later than their earliest. A writer announces a scope before it commits and
again after, and nobody puts a scope off for longer than `RECHECK`; so a process that dies in
between can delay an offer, never lose it.
"""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.cluster import RedisCluster

from optimem.errors import (
    ConflictError,
    InputError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnavailableError,
    VersionError,
)
from optimem.protocols import Change, Entry, Info
from optimem.store.changes import checked_changes, checked_lease, conflict
from optimem.store.keys import (
    LAYOUT,
    LAYOUT_KEY,
    SHARDS,
    name_bytes,
    queue_key,
    scope_keys,
    scope_of,
    scope_tag,
    shard_of,
)
from optimem.store.scripts import CLAIM, CLEAR, COMMIT, ENTRIES, POSTPONE, USAGE
from optimem.turns import Scope

RECHECK = 86_400.0
"""Seconds after which a scope is looked at again though nothing in it seemed due."""

Offer = tuple[float, Scope, str]


@contextmanager
def named_errors() -> Iterator[None]:
    """Turn redis-py's errors into ours."""
    try:
        yield
    except (redis.BusyLoadingError, redis.exceptions.TryAgainError) as error:
        raise StoreLockedError(f"Redis is busy ({error}); retry in a moment") from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise StoreUnavailableError(
            f"Redis does not answer ({error}); start it or check the address"
        ) from error
    except redis.OutOfMemoryError as error:
        raise StoreFullError(f"Redis has no memory left ({error}); raise maxmemory") from error
    except redis.ResponseError as error:
        if "OOM" in str(error):
            raise StoreFullError(f"Redis has no memory left ({error}); raise maxmemory") from error
        raise StoreError(f"Redis refused: {error}") from error
    except redis.RedisError as error:
        raise StoreUnavailableError(f"Redis cannot be used: {error}") from error


def connect(url: str, timeout: float) -> Any:
    """A client for a URL; `redis+cluster://` and `rediss+cluster://` are clusters."""
    options: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    scheme, _, rest = url.partition("://")
    if scheme.endswith("+cluster"):
        return RedisCluster.from_url(f"{scheme.removesuffix('+cluster')}://{rest}", **options)
    return redis.Redis.from_url(url, **options)


class RedisStore:
    """Versioned bytes on Redis.

    `url` or `client`, exactly one; with neither, `REDIS_URL`. A client that is given is never
    closed. `timeout`: seconds to wait for an answer. Raises InputError for an unusable
    client, VersionError for data of a newer release, StoreUnavailableError for a dead server.
    """

    def __init__(
        self, url: str | None = None, *, client: Any = None, timeout: float = 5.0
    ) -> None:
        address = url or (None if client is not None else os.environ.get("REDIS_URL"))
        if (address is None) == (client is None):
            raise InputError("give either a Redis URL or a client (or set REDIS_URL), not both")
        self._owned = client is None
        with named_errors():
            self._client = client if address is None else connect(address, timeout)
            if self._client.get_encoder().decode_responses:
                raise InputError(
                    "this Redis client decodes responses, stored pages are bytes; make it with "
                    "decode_responses=False"
                )
            self._check_layout()

    def _check_layout(self) -> None:
        self._client.set(LAYOUT_KEY, LAYOUT, nx=True)
        found = int(self._client.get(LAYOUT_KEY))
        if found > LAYOUT:
            raise VersionError(
                f"this Redis holds data layout {found}, this release knows {LAYOUT}; upgrade optimem"
            )

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        """The entries, in the order asked for; None where there is none."""
        if not keys:
            return []
        own, names = scope_keys(scope_tag(scope)), [name_bytes(key) for key in keys]
        with named_errors():
            pipe = self._client.pipeline(transaction=True)
            pipe.hmget(own.versions, names)
            pipe.hmget(own.values, names)
            versions, values = pipe.execute()
        return [
            None if version is None else Entry(key, int(version), value)
            for key, version, value in zip(keys, versions, values, strict=True)
        ]

    def entries(self, scope: Scope, prefix: str = "") -> list[Info]:
        """Entries whose key starts with `prefix`, in key order."""
        flat = self._run(ENTRIES, scope_keys(scope_tag(scope)), name_bytes(prefix))
        found = [flat[i : i + 4] for i in range(0, len(flat), 4)]
        return [
            Info(name.decode(), int(version), int(size), float(due) if due else None)
            for name, version, size, due in sorted(found, key=lambda entry: entry[0])
        ]

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        """All changes or none. Raises ConflictError if an `expect` does not hold."""
        checked_changes(changes)
        if not changes:
            return
        tag = scope_tag(scope)
        arguments = [part for change in changes for part in _arguments(change)]
        earliest = min((c.due for c in changes if c.due is not None), default=math.inf)
        self._announce(tag, earliest)
        refused = self._run(COMMIT, scope_keys(tag), *arguments)
        if refused:
            name, expected, found = refused
            raise self._conflict(name, expected, found)
        self._announce(tag, earliest)

    @staticmethod
    def _conflict(name: bytes, expected: bytes, found: bytes) -> ConflictError:
        return conflict(name.decode(), int(expected), int(found))

    def _announce(self, tag: str, due: float) -> None:
        """List a scope, no later than `due`."""
        with named_errors():
            self._client.zadd(queue_key(shard_of(tag)), {tag: due}, lt=True)

    def scopes(self) -> Iterator[Scope]:
        """Every scope that holds an entry."""
        for shard in range(SHARDS):
            with named_errors():
                tags = [tag.decode() for tag in self._client.zrange(queue_key(shard), 0, -1)]
            for tag in tags:
                with named_errors():
                    exists = self._client.exists(scope_keys(tag).versions)
                if exists:
                    yield scope_of(tag)

    def due(self, now: float, limit: int, lease: float) -> list[tuple[Scope, str]]:
        """Claim up to `limit` entries due at or before `now`, earliest first: nobody else is
        offered them until `now + lease`. Raises InputError if `lease` is not positive."""
        return self._offers(now, limit, now + checked_lease(lease))

    def overdue(self, now: float, limit: int) -> list[tuple[Scope, str]]:
        """What `due` would offer, without claiming."""
        return self._offers(now, limit, None)

    def _offers(self, now: float, limit: int, until: float | None) -> list[tuple[Scope, str]]:
        listed: list[tuple[float, int, bytes]] = []
        for shard in range(SHARDS):
            with named_errors():
                found = self._client.zrangebyscore(
                    queue_key(shard), "-inf", now, withscores=True
                )
            listed += [(score, shard, tag) for tag, score in found]
        offers: list[Offer] = []
        for score, shard, tag in sorted(listed):
            if len(offers) >= limit:
                break
            offers += self._claim(shard, tag.decode(), score, now, limit - len(offers), until)
        return [(scope, name) for _, scope, name in sorted(offers, key=lambda o: o[0])]

    def _claim(
        self, shard: int, tag: str, score: float, now: float, limit: int, until: float | None
    ) -> list[Offer]:
        """Up to `limit` due entries of a scope; its place in the queue follows."""
        lease = b"" if until is None else repr(until)
        *names, first = self._run(CLAIM, [scope_keys(tag).due], repr(now), limit, lease)
        if until is not None:
            later = min(float(first), now + RECHECK)
            self._run(POSTPONE, [queue_key(shard)], tag, _number(score), repr(later))
        scope = scope_of(tag)
        return [
            (float(names[i + 1]), scope, names[i].decode()) for i in range(0, len(names), 2)
        ]

    def clear(self, scope: Scope) -> int:
        """Remove everything of a scope, its queue entries too; the number of entries removed."""
        tag = scope_tag(scope)
        removed = int(self._run(CLEAR, scope_keys(tag)))
        with named_errors():
            self._client.zrem(queue_key(shard_of(tag)), tag)
        return removed

    def usage(self, scope: Scope) -> int:
        """Bytes of all keys and values of a scope."""
        return int(self._run(USAGE, [scope_keys(scope_tag(scope)).values]))

    def close(self) -> None:
        """Close the client if it was made here; harmless when called twice."""
        if self._owned:
            self._client.close()

    def _run(self, script: str, keys: Sequence[str], *arguments: Any) -> Any:
        with named_errors():
            return self._client.eval(script, len(keys), *keys, *arguments)


def _arguments(change: Change) -> list[Any]:
    return [
        name_bytes(change.key),
        "" if change.expect is None else change.expect,
        "" if change.due is None else repr(change.due),
        "0" if change.value is None else "1",
        change.value or b"",
    ]


def _number(score: float) -> str:
    """A score as Redis spells it."""
    if math.isinf(score):
        return "inf" if score > 0 else "-inf"
    return str(int(score)) if score == int(score) and abs(score) < 1e17 else repr(score)
