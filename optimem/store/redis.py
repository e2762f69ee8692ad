"""The store on a Redis or Valkey server or cluster, from 7.0 on, without modules.

Knows nothing of what the bytes mean. A scope's keys share a slot and change only in scripts,
so a commit is atomic everywhere; `redis_index` tells how scopes are found without a scan.
"""

import math
from collections.abc import Iterator, Sequence
from secrets import token_hex

from optimem.errors import FormatError, StoreLockedError, VersionError
from optimem.protocols import Change, Entry, EntryInfo
from optimem.store.changes import checked_changes, checked_lease, conflict
from optimem.store.keys import LAYOUT, LAYOUT_KEY, name_bytes, scope_keys, scope_of, scope_tag
from optimem.store.redis_client import Argument, RedisClient, Server
from optimem.store.redis_index import ScopeIndex, Waiting
from optimem.store.scripts import CLAIM, CLEAR, COMMIT, ENTRIES, GET, PEEK
from optimem.turns import Scope

_ATTEMPTS = 100
"""At a commit: each failed one means that another client got on with the same scope."""

_INTENT_LIFE = 60_000
"""Milliseconds a writer has between announcing a scope and its commit; then it retries."""

_PAGE = 128
"""Scopes read at a time from a shard."""

_Offer = tuple[float, str, str]
"""Due time, scope's tag, entry's name."""


class RedisStore:
    """Versioned bytes on a server, for many processes and machines at once.

    Exactly one of `url` and `client`; without both, the variable REDIS_URL. A client that is
    given is never closed, and must not decode responses. `timeout`: seconds to wait for the
    server, of a client made here. Raises InputError if these cannot be used, VersionError
    for a server with a newer data layout, StoreUnavailableError if it cannot be reached.

    StoreUnavailableError from a commit tells that the answer was lost; the server may have
    made the change before. Retry with `expect`, which cannot apply twice.
    """

    def __init__(
        self, url: str | None = None, *, client: RedisClient | None = None, timeout: float = 5.0
    ) -> None:
        self._server = Server(url, client, timeout)
        self._index = ScopeIndex(self._server)
        try:
            self._check_layout()
        except BaseException:
            self.close()
            raise

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        """The entries, in the order asked for; None where there is none."""
        names = [name_bytes(key) for key in keys]
        reply = self._server.run(GET, scope_keys(scope_tag(scope)), *names)
        return [
            None if version is None or value is None else Entry(key, int(version), value)
            for key, version, value in zip(keys, reply[::2], reply[1::2], strict=True)
        ]

    def entries(self, scope: Scope, prefix: str = "") -> list[EntryInfo]:
        """Entries whose key starts with `prefix`, in key order."""
        start = name_bytes(prefix)
        bounds = (b"[" + start, b"(" + start + b"\xff")  # no UTF-8 text holds the byte FF
        reply = self._server.run(ENTRIES, scope_keys(scope_tag(scope)), *bounds)
        return [
            EntryInfo(name.decode(), int(version), int(size), None if due is None else float(due))
            for name, version, size, due in zip(*[iter(reply)] * 4, strict=True)
        ]

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        """All changes or none. Raises ConflictError if an `expect` does not hold."""
        if not checked_changes(changes):
            return
        tag = scope_tag(scope)
        commit_id, earliest, announced = token_hex(8), _earliest(changes), b""
        packed = [part for change in changes for part in _packed(change)]
        for _ in range(_ATTEMPTS):
            first = (commit_id, earliest, announced, token_hex(8), _INTENT_LIFE)
            answer, *rest = self._server.run(COMMIT, scope_keys(tag), *first, *packed)
            if answer != b"announce":
                break
            announced = rest[0]
            self._index.announce(tag, earliest, announced)
        if answer == b"announce":
            raise StoreLockedError(f"{scope} is too busy: {_ATTEMPTS} attempts failed; retry")
        if answer == b"conflict":
            name = rest[0].decode()
            expected = next(change.expect for change in changes if change.key == name)
            raise conflict(name, expected or 0, int(rest[1]))
        if answer == b"emptied":
            self._leave(tag)

    def scopes(self) -> Iterator[Scope]:
        """Every scope that holds an entry."""
        for tag in self._index.tags():
            if self._server.call("EXISTS", scope_keys(tag).versions):
                yield scope_of(tag)

    def claim_due(self, now: float, limit: int, lease: float) -> list[tuple[Scope, str]]:
        """Claim up to `limit` entries due at or before `now`, earliest first: nobody else is
        offered them until `now + lease`. Raises InputError if `lease` is not positive."""
        until = now + checked_lease(lease)
        claimed: list[_Offer] = []
        while len(claimed) < limit:
            offers, visited = self._offers(now, limit - len(claimed))
            for place in visited:
                names = [name for _, tag, name in offers if tag == place.tag]
                won = self._claim(place.tag, place.token, now, until, names)
                claimed += [o for o in offers if o[1] == place.tag and o[2] in won]
            if not offers:
                break
        return [(scope_of(tag), name) for _, tag, name in sorted(claimed)]

    def peek_due(self, now: float, limit: int) -> list[tuple[Scope, str]]:
        """What `claim_due` would return, without claiming it."""
        offers, _ = self._offers(now, limit)
        return [(scope_of(tag), name) for _, tag, name in offers]

    def clear(self, scope: Scope) -> int:
        """Remove everything of a scope, its queue entries too; the number of entries removed.

        If it is interrupted, the scope's name may stay in the index; clear again.
        """
        tag = scope_tag(scope)
        token = self._index.token(tag)
        removed = int(self._server.run(CLEAR, scope_keys(tag)))
        if token is not None:
            self._index.settle(tag, token, b"")
        return removed

    def usage(self, scope: Scope) -> int:
        """Bytes of all keys and values of a scope."""
        return int(self._server.call("HGET", scope_keys(scope_tag(scope)).meta, "bytes") or 0)

    def close(self) -> None:
        """Close the client if it was made here; harmless when called twice."""
        self._server.close()

    def _check_layout(self) -> None:
        """Claim a server without data for this layout; refuse one with a newer layout."""
        found = self._server.call("GET", LAYOUT_KEY)
        if found is None:
            self._server.call("SETNX", LAYOUT_KEY, LAYOUT)
            found = self._server.call("GET", LAYOUT_KEY)
        if found is None or not found.isdigit():
            raise FormatError(f"{LAYOUT_KEY} on {self._server.place} holds {found!r}, no number")
        if int(found) > LAYOUT:
            raise VersionError(
                f"{self._server.place} has data layout {int(found)}, this release reads up to "
                f"{LAYOUT}; upgrade optimem"
            )

    def _offers(self, now: float, limit: int) -> tuple[list[_Offer], list[Waiting]]:
        """The earliest `limit` entries due at `now`, and the scopes looked into for them."""
        offers: list[_Offer] = []
        visited: list[Waiting] = []
        for place in self._index.waiting(now, _PAGE) if limit > 0 else ():
            if len(offers) == limit and offers[-1][0] <= place.bound:
                break  # nothing in this scope or a later one can come before
            visited.append(place)
            reply = self._server.run(PEEK, scope_keys(place.tag), repr(now), limit)
            pairs = zip(reply[::2], reply[1::2], strict=True)
            offers += [(float(due), place.tag, name.decode()) for name, due in pairs]
            offers = sorted(offers)[:limit]
        return offers, visited

    def _claim(
        self, tag: str, token: bytes, now: float, until: float, names: Sequence[str]
    ) -> set[str]:
        """Claim entries of a scope and list it anew in its shard; those still to be had."""
        arguments = (repr(now), repr(until), *names)
        bound, *won = self._server.run(CLAIM, scope_keys(tag), *arguments)
        self._index.settle(tag, token, bound)
        return {name.decode() for name in won}

    def _leave(self, tag: str) -> None:
        """Take a scope out of the index if it is empty."""
        token = self._index.token(tag)
        if token is not None:
            self._claim(tag, token, 0.0, 0.0, ())


def _earliest(changes: Sequence[Change]) -> str:
    """The earliest due time written; "inf" if nothing falls due, "" if nothing is written."""
    dues = [change.due for change in changes if change.value is not None]
    if not dues:
        return ""
    return repr(float(min((due for due in dues if due is not None), default=math.inf)))


def _packed(change: Change) -> tuple[Argument, ...]:
    """A change as the script takes it."""
    expect = "" if change.expect is None else change.expect
    if change.value is None:
        return name_bytes(change.key), expect, "delete", b"", ""
    due = "" if change.due is None else repr(float(change.due))
    return name_bytes(change.key), expect, "set", change.value, due
