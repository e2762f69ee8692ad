"""Which scopes a Redis server holds, and when each may be due: the index and decay queue.

A scope's entries lie in one slot of a cluster, the index in others, so no transaction spans
both. The rule that holds all the same: **a scope with entries is listed in its shard, at a
time no later than its earliest due entry.** The shard may offer a scope in vain; it never
loses one, whoever dies when.

- The scope remembers the time it is listed under, its *bound*. A commit that would break the
  rule is refused with a token; the writer announces the scope in its shard under that token
  and commits again, presenting it.
- Whoever moves a scope later, or out, first reads the token in the shard, then sets the bound
  in the scope, which voids every announcement under way, and last moves the scope unless the
  shard's token has changed. So an announcement either is seen by the mover or is refused at
  its commit and made again under a new token.
"""

from collections.abc import Iterator
from heapq import merge
from typing import NamedTuple

from optimem.store.keys import SHARDS, shard_keys, shard_of
from optimem.store.redis_client import Server
from optimem.store.scripts import ANNOUNCE, SETTLE, WAITING


class Waiting(NamedTuple):
    """A scope that may have something due: not before `bound`, listed under `token`."""

    bound: float
    tag: str
    token: bytes


class ScopeIndex:
    """The shards of one server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def announce(self, tag: str, due: str, token: bytes) -> None:
        """List a scope as due no later than `due`."""
        self._server.run(ANNOUNCE, shard_keys(shard_of(tag)), tag, due, token)

    def token(self, tag: str) -> bytes | None:
        """The token of a scope's last announcement, None if it is not listed."""
        found: bytes | None = self._server.call("HGET", shard_keys(shard_of(tag)).tokens, tag)
        return found

    def settle(self, tag: str, token: bytes, bound: bytes) -> None:
        """List a scope at `bound`, or not at all if that is empty, unless it was announced
        since `token` was read."""
        self._server.run(SETTLE, shard_keys(shard_of(tag)), tag, token, bound)

    def tags(self) -> Iterator[str]:
        """Every scope listed, once."""
        for shard in range(SHARDS):
            fields = set(self._server.fields(shard_keys(shard).tokens))
            yield from sorted(field.decode() for field in fields)

    def waiting(self, now: float, page: int) -> Iterator[Waiting]:
        """Scopes that may be due, by bound; read `page` at a time from each shard."""
        return merge(*(self._shard(shard, now, page) for shard in range(SHARDS)))

    def _shard(self, shard: int, now: float, page: int) -> Iterator[Waiting]:
        offset = 0
        while True:
            keys = shard_keys(shard)
            reply = self._server.run(WAITING, keys, repr(now), offset, page)
            for tag, bound, token in zip(reply[::3], reply[1::3], reply[2::3], strict=True):
                yield Waiting(float(bound), tag.decode(), token)
            if len(reply) < 3 * page:
                return
            offset += page
