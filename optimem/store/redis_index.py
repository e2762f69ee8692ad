"""The scope index on Redis: which scopes a server holds, and when each may have due entries.

A scope's entries share one slot of a cluster and the index lies in others, so no transaction
spans both. One invariant holds all the same: **a scope with entries is listed in its index
shard, at a bound no later than its earliest due time.** Whoever dies when, the index may list a
scope that has nothing due, but it never loses one.

- A scope stores its *bound*, the time under which the index lists it. A commit that would break
  the invariant is refused with a token. The writer announces the scope in the index under that
  token, then commits again and presents the token.
- To move a scope to a later bound, or out of the index, a process first reads the scope's token
  in the index, then sets the bound in the scope, which voids every announcement in progress, and
  last moves the scope in the index unless its token has changed. So an announcement is either
  seen by that process, or refused at its commit and made again under a new token.
"""

from collections.abc import Iterator
from heapq import merge
from typing import NamedTuple

from optimem.store.redis_client import RedisConnection
from optimem.store.redis_layout import (
    ANNOUNCE,
    INDEX_SHARDS,
    QUEUED,
    SETTLE,
    index_keys,
    index_shard,
)


class QueuedScope(NamedTuple):
    """A scope that has nothing due before `bound`, as listed under `token`."""

    bound: float
    tag: str
    token: bytes


class ScopeIndex:
    """The index shards of one server."""

    def __init__(self, connection: RedisConnection) -> None:
        self._redis = connection

    def tags(self) -> Iterator[str]:
        """The tag of every listed scope, once each."""
        for shard in range(INDEX_SHARDS):
            fields = set(self._redis.fields(index_keys(shard).tokens))
            yield from sorted(field.decode() for field in fields)

    def queued(self, now: float, page: int) -> Iterator[QueuedScope]:
        """Scopes with a bound at or before `now`, in order of their bounds. Reads `page` at a
        time from each shard."""
        return merge(*(self._queued_in(shard, now, page) for shard in range(INDEX_SHARDS)))

    def token(self, tag: str) -> bytes | None:
        """The token of a scope's last announcement; None if the scope is not listed."""
        found: bytes | None = self._redis.call("HGET", index_keys(index_shard(tag)).tokens, tag)
        return found

    def announce(self, tag: str, bound: str, token: bytes) -> None:
        """List a scope at `bound`, or at an earlier bound that it already has."""
        self._redis.run(ANNOUNCE, index_keys(index_shard(tag)), tag, bound, token)

    def settle(self, tag: str, token: bytes, bound: bytes) -> None:
        """List a scope at `bound`, or remove it if `bound` is empty, unless the scope has been
        announced since `token` was read."""
        self._redis.run(SETTLE, index_keys(index_shard(tag)), tag, token, bound)

    def _queued_in(self, shard: int, now: float, page: int) -> Iterator[QueuedScope]:
        keys, offset = index_keys(shard), 0
        while True:
            reply = self._redis.run(QUEUED, keys, repr(now), offset, page)
            for tag, bound, token in zip(reply[::3], reply[1::3], reply[2::3], strict=True):
                yield QueuedScope(float(bound), tag.decode(), token)
            if len(reply) < 3 * page:
                return
            offset += page
