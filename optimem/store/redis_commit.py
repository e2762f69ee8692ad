"""One commit to a scope on Redis: its changes as arguments of the script COMMIT, and large values
beside it, because Lua hashes every byte that it is given. Knows neither index nor retries.
"""

import math
from collections.abc import Sequence
from secrets import token_hex

from optimem.errors import StoreFullError
from optimem.protocols import Change
from optimem.store.arguments import key_bytes
from optimem.store.redis_client import Argument, RedisConnection
from optimem.store.redis_layout import CLOSE, COMMIT, scope_keys

_LARGE = 16_384
"""Bytes from which on a transaction of several commands is faster than a script alone."""

_INTENT_LIFE = 60_000
"""Milliseconds between a writer's announcement and its commit; after that it must announce
again."""


class RedisCommit:
    """Changes to a scope, to be attempted as often as the scope must be announced.

    `earliest`: the earliest due time set; "inf" if none is set, "" if no value is.
    """

    def __init__(self, redis: RedisConnection, tag: str, changes: Sequence[Change]) -> None:
        self._redis, self._keys, self._id = redis, scope_keys(tag), token_hex(8)
        order = sorted(changes, key=lambda change: change.value is None)  # what is set, first
        names = [key_bytes(change.key) for change in order]
        pairs = list(zip(names, order, strict=True))
        put = [(name, change.value) for name, change in pairs if change.value is not None]
        dues = [(c.due, name) for name, c in pairs[: len(put)] if c.due is not None]
        self.earliest = repr(float(min(dues, default=(math.inf, b""))[0])) if put else ""

        self._values = [part for pair in put for part in pair]
        size = sum(map(len, self._values))
        self._large = not redis.is_cluster and size >= _LARGE
        self._changes: list[Argument] = [len(put), len(names), len(dues), size, *names]
        self._changes += ["" if change.expect is None else change.expect for change in order]
        for due, name in dues:
            self._changes += [repr(float(due)), name]

    def attempt(self, announced: bytes) -> list[bytes]:
        """The reply of COMMIT, under the token of the last announcement."""
        header = (self._id, self.earliest, announced, token_hex(8), _INTENT_LIFE)
        arguments: list[Argument] = [*header, *self._changes]
        reply = self._beside(arguments) if self._large else None
        return reply or self._redis.run(COMMIT, self._keys, *arguments, *self._values)

    def _beside(self, arguments: Sequence[Argument]) -> list[bytes] | None:
        """The reply of COMMIT in a transaction with the values beside it. None if that cannot be:
        on a server that is full or does not know the script. Then nothing was done."""
        commands: list[Sequence[Argument]] = [
            self._redis.scripted(COMMIT, self._keys, *arguments),
            ("HSET", self._keys.open, *self._values),
            ("EVAL", CLOSE, len(self._keys), *self._keys, self._id),
        ]
        try:
            replies = self._redis.transact(commands)
        except StoreFullError:
            return None  # a script alone may still shrink the scope
        return replies and replies[0]
