"""The store on a Redis or Valkey server or cluster, 7.0 or later, without modules.

A scope's keys share a slot and change only in scripts, so commits are atomic on a cluster too;
`redis_index` keeps track of the scopes. Never interprets the bytes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from optimem.errors import FormatError, StoreLockedError, VersionError
from optimem.protocols import Change, Entry, EntryInfo
from optimem.store.arguments import (
    check_changes,
    check_lease,
    conflict_error,
    key_bytes,
    scope_of,
    scope_tag,
)
from optimem.store.redis_client import Argument, RedisClient, RedisConnection, lost_part
from optimem.store.redis_commit import RedisCommit
from optimem.store.redis_files import ServerFiles
from optimem.store.redis_index import QueuedScope, ScopeIndex
from optimem.store.redis_layout import (
    CLAIM,
    CLEAR,
    ENTRIES,
    GET,
    LAYOUT,
    LAYOUT_KEY,
    PEEK,
    TIME,
    ScopeKeys,
    scope_keys,
)
from optimem.store.redis_server import check_server
from optimem.turns import Scope

_ATTEMPTS = 100
"""Attempts at a commit. Each one that fails means that another client changed the scope."""

_PAGE = 128
"""Scopes read at a time from an index shard."""


class _DueEntry(NamedTuple):
    due: float
    tag: str
    name: str


class RedisStore:
    """Versioned bytes on a server, for many processes and machines at once.

    Takes a `url`, a `client`, or neither: then the URL is the variable REDIS_URL. A client that
    is passed in stays open and must not decode responses. `timeout`: seconds to wait for the
    server; applies to a client made here. Raises InputError for a URL or client that cannot be
    used or leads to a server that evicts keys, VersionError for a server with a newer data layout,
    and StoreUnavailableError if the server cannot be reached.

    If a commit raises StoreUnavailableError, its reply was lost, and the server may have applied
    it. Retry with `expect`, so that it cannot apply twice.
    """

    def __init__(
        self, url: str | None = None, *, client: RedisClient | None = None, timeout: float = 5.0
    ) -> None:
        self._redis = RedisConnection(url, client, timeout)
        self._index = ScopeIndex(self._redis)
        self._files = ServerFiles(self._redis)
        try:
            self._described = check_server(self._redis)
            self._check_layout()
        except BaseException:
            self.close()
            raise

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        """See `Store`."""
        names, tag = [key_bytes(key) for key in keys], scope_tag(scope)
        if len(names) < 2 or self._redis.is_cluster:
            found = self._redis.run(GET, scope_keys(tag), *names)
            versions, values = found[: len(names)], found[len(names) :]
        else:
            versions, values = self._read(scope_keys(tag), names)
        return [
            None if version is None or value is None else Entry(key, int(version), value)
            for key, version, value in zip(keys, versions, values, strict=True)
        ]

    def entries(self, scope: Scope, prefix: str = "") -> list[EntryInfo]:
        """See `Store`."""
        start = key_bytes(prefix)
        bounds = (b"[" + start, b"(" + start + b"\xff")  # the byte FF never occurs in UTF-8
        reply = self._redis.run(ENTRIES, scope_keys(scope_tag(scope)), *bounds)
        return [
            EntryInfo(name.decode(), int(version), int(size), None if due is None else float(due))
            for name, version, size, due in zip(*[iter(reply)] * 4, strict=True)
        ]

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        """See `Store`. Raises StoreLockedError if other writers get in between every time."""
        check_changes(changes)
        if not changes:
            return
        tag = scope_tag(scope)
        outcome, *details = self._run_commit(tag, changes)
        if outcome == b"announce":
            raise StoreLockedError(f"{scope} is too busy: {_ATTEMPTS} attempts failed; retry")
        if outcome == b"conflict":
            key, found = details[0].decode(), int(details[1])
            expected = next(change.expect for change in changes if change.key == key)
            raise conflict_error(key, expected or 0, found)
        if outcome == b"emptied":
            self._unlist(tag)

    def scopes(self) -> Iterator[Scope]:
        """See `Store`."""
        for tag in self._index.tags():
            if self._redis.call("EXISTS", scope_keys(tag).versions):
                yield scope_of(tag)

    def claim_due(self, now: float, limit: int, lease: float) -> list[tuple[Scope, str]]:
        """See `Store`."""
        check_lease(lease)
        claimed: list[_DueEntry] = []
        while len(claimed) < limit:
            due, visited = self._due(now, limit - len(claimed))
            for scope in visited:
                entries = [entry for entry in due if entry.tag == scope.tag]
                names = [entry.name for entry in entries]
                won = self._claim(scope.tag, scope.token, now, now + lease, names)
                claimed += [entry for entry in entries if entry.name in won]
            if not due:
                break
        return [(scope_of(entry.tag), entry.name) for entry in sorted(claimed)]

    def time(self) -> float:
        """See `Store`. On a cluster, that of one node, always the same."""
        seconds, microseconds = self._redis.run(TIME, [LAYOUT_KEY])
        return int(seconds) + int(microseconds) / 1_000_000

    def peek_due(self, now: float, limit: int) -> list[tuple[Scope, str]]:
        """See `Store`."""
        due, _ = self._due(now, limit)
        return [(scope_of(entry.tag), entry.name) for entry in due]

    def clear(self, scope: Scope) -> int:
        """See `Store`. If interrupted, the scope's name may stay in the index; clear again."""
        tag = scope_tag(scope)
        token = self._index.token(tag)
        removed = int(self._redis.run(CLEAR, scope_keys(tag)))
        if token is not None:
            self._index.settle(tag, token, b"")
        return removed

    def usage(self, scope: Scope) -> int:
        """See `Store`."""
        return int(self._redis.call("HGET", scope_keys(scope_tag(scope)).meta, "bytes") or 0)

    def wipe(self) -> list[str]:
        """See `Store`. Erases nothing, as no file of a server can be rewritten quickly."""
        return self._files.residue()

    def remains(self, scope: Scope, starts: Sequence[str]) -> list[str]:
        """See `Store`. The files of a server cannot be looked into: `wipe` names them."""
        return []

    def describe(self) -> dict[str, str]:
        """See `Store`."""
        return {"place": self._redis.name, **self._described}

    def purge(self) -> list[str]:
        """See `Store`. Runs BGREWRITEAOF and BGSAVE where the server keeps such a file."""
        return self._files.rewrite()

    def close(self) -> None:
        """Close the client if it was made here. Closing twice is harmless."""
        self._redis.close()

    def _check_layout(self) -> None:
        """Mark an unused server with this layout; refuse one with a newer layout."""
        found = self._redis.call("GET", LAYOUT_KEY)
        if found is None:
            self._redis.call("SETNX", LAYOUT_KEY, LAYOUT)
            found = self._redis.call("GET", LAYOUT_KEY)
        if found is None or not found.isdigit():
            raise FormatError(
                f"{LAYOUT_KEY} on {self._redis.name} is {found!r}, not a number; use another "
                "database"
            )
        if int(found) > LAYOUT:
            raise VersionError(
                f"{self._redis.name} has data layout {int(found)}, this release reads up to "
                f"{LAYOUT}; upgrade optimem"
            )

    def _read(
        self, keys: ScopeKeys, names: Sequence[bytes]
    ) -> tuple[list[bytes | None], list[bytes | None]]:
        """What GET returns, without Lua, which hashes every byte of a value."""
        commands: list[Sequence[Argument]] = [
            ("HLEN", keys.versions), ("HLEN", keys.values), ("ZCARD", keys.names),
            ("HMGET", keys.versions, *names), ("HMGET", keys.values, *names),
        ]  # fmt: skip
        replies = self._redis.transact(commands)
        assert replies is not None  # there is no script among them
        count, *others, versions, values = replies
        if others != [count, count]:
            raise lost_part(self._redis.name, keys.versions)
        return versions, values

    def _run_commit(self, tag: str, changes: Sequence[Change]) -> list[bytes]:
        """The reply of the script, after announcing the scope as often as it demands."""
        commit, announced = RedisCommit(self._redis, tag, changes), b""
        for _ in range(_ATTEMPTS):
            reply = commit.attempt(announced)
            if reply[0] != b"announce":
                break
            announced = reply[1]
            self._index.announce(tag, commit.earliest, announced)
        return reply

    def _due(self, now: float, limit: int) -> tuple[list[_DueEntry], list[QueuedScope]]:
        """The earliest `limit` entries due at `now`, and the scopes that were searched."""
        due: list[_DueEntry] = []
        visited: list[QueuedScope] = []
        for scope in self._index.queued(now, _PAGE) if limit > 0 else ():
            if len(due) == limit and due[-1].due <= scope.bound:
                break  # neither this scope nor a later one has an earlier entry
            visited.append(scope)
            reply = self._redis.run(PEEK, scope_keys(scope.tag), repr(now), limit)
            pairs = zip(reply[::2], reply[1::2], strict=True)
            due += [_DueEntry(float(time), scope.tag, name.decode()) for name, time in pairs]
            due = sorted(due)[:limit]
        return due, visited

    def _claim(
        self, tag: str, token: bytes, now: float, until: float, names: Sequence[str]
    ) -> set[str]:
        """Claim those entries of a scope that are still due and update its place in the index.
        Returns the names claimed."""
        arguments = (repr(now), repr(until), *names)
        bound, *won = self._redis.run(CLAIM, scope_keys(tag), *arguments)
        self._index.settle(tag, token, bound)
        return {name.decode() for name in won}

    def _unlist(self, tag: str) -> None:
        """Remove a scope from the index if it is empty."""
        token = self._index.token(tag)
        if token is not None:
            self._claim(tag, token, 0.0, 0.0, ())
