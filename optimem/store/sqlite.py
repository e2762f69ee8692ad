"""The embedded store: one SQLite file in WAL mode.

All threads of a process share one connection behind a lock; SQLite's own locks keep processes
apart. Every commit is synced to disk before it returns. Deleted bytes are overwritten, both in
the file and in its write-ahead log, because forgetting must be real. Never interprets the bytes.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import accumulate
from typing import TypeVar

from optimem.errors import StoreFullError, StoreUnavailableError
from optimem.protocols import Change, Entry, EntryInfo
from optimem.store.arguments import (
    check_changes,
    check_lease,
    conflict_error,
    key_bytes,
    scope_of,
    scope_tag,
)
from optimem.store.reserve import SIZE, Reserve
from optimem.store.sqlite_file import (
    GIVES_BACK,
    MEMORY,
    RETRY_PAUSE,
    Mode,
    give_back,
    holds_any,
    open_database,
    sqlite_errors,
    transaction,
    truncate_log,
)
from optimem.turns import Scope

T = TypeVar("T")

_READ = "SELECT version, value FROM entries WHERE scope = ? AND key = ?"
_VERSION = "SELECT version FROM entries WHERE scope = ? AND key = ?"
_ENTRIES = """SELECT key, version, length(value), due FROM entries
              WHERE scope = ? AND key >= ? AND key < ? ORDER BY key"""
_WRITE = """INSERT INTO entries (scope, key, version, due, value) VALUES (?, ?, 1, ?, ?)
            ON CONFLICT (scope, key) DO UPDATE
            SET version = version + 1, due = excluded.due, value = excluded.value"""
_SCOPE_AFTER = "SELECT min(scope) FROM entries WHERE scope > ?"
_DUE = "SELECT scope, key FROM entries WHERE due <= ? ORDER BY due, scope, key LIMIT ?"
_POSTPONE = "UPDATE entries SET due = ? WHERE scope = ? AND key = ?"
_DELETE = "DELETE FROM entries WHERE scope = ? AND key = ?"
_CLEAR = "DELETE FROM entries WHERE scope = ? AND key <= ?"
_FIRST = """SELECT key, length(key) + length(value) FROM entries WHERE scope = ?
            ORDER BY key LIMIT ?"""
_USAGE = "SELECT coalesce(sum(length(key) + length(value)), 0) FROM entries WHERE scope = ?"

_LAST = b"\xff"
"""After every key: the byte FF never occurs in UTF-8."""
_STEP, _ROOM = 64, SIZE // 4
"""Entries, and their bytes, that are deleted at a time on a full disk."""
_IN_USE = "another connection is using it; purge when it has finished (`optimem purge`)"


class SQLiteStore:
    """Versioned bytes in one file, for many threads and processes at once.

    `path`: the file, created if it does not exist, in a folder that does; `:memory:` for a
    store without a file. `timeout`: seconds to wait while another process writes. Raises
    VersionError for a file of a newer release, FormatError for a file that is not an optimem
    store, and StoreUnavailableError for one that cannot be opened. None of them is changed.

    Deleted values are wiped from the log by the commit that deletes them; replaced values by the
    next commit that deletes something, by `clear`, or by `close`. Where a reader prevents that,
    nobody waits for it; `wipe` does. A file beside it, `-reserve`, holds 4 MiB back, so that
    entries can be deleted on a full disk.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 5.0) -> None:
        self._path = os.fspath(path)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._inherited: sqlite3.Connection | None = None
        self._reserve = None if self._path == MEMORY else Reserve(self._path)
        self._db: sqlite3.Connection | None = self._with_reserve(
            partial(open_database, self._path, timeout)
        )
        if self._reserve:
            self._reserve.fill()

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        """See `Store`."""
        tag = scope_tag(scope)
        with self._transaction("DEFERRED") as db:
            rows = [db.execute(_READ, (tag, key_bytes(key))).fetchone() for key in keys]
        return [row and Entry(key, *row) for key, row in zip(keys, rows, strict=True)]

    def entries(self, scope: Scope, prefix: str = "") -> list[EntryInfo]:
        """See `Store`."""
        start = key_bytes(prefix)
        bounds = (scope_tag(scope), start, start + b"\xff")  # the byte FF never occurs in UTF-8
        with self._transaction("DEFERRED") as db:
            rows = db.execute(_ENTRIES, bounds).fetchall()
        return [EntryInfo(key.decode(), version, size, due) for key, version, size, due in rows]

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        """See `Store`."""
        check_changes(changes)
        commit = partial(self._commit, scope_tag(scope), changes)
        has_deletion = any(change.value is None for change in changes)
        deleted = self._with_reserve(commit) if has_deletion else commit()
        self._give_back()
        if deleted:
            self._try_wipe()

    def scopes(self) -> Iterator[Scope]:
        """See `Store`. Runs one short query for each scope."""
        tag: str | None = ""
        while True:
            with self._transaction("DEFERRED") as db:
                (tag,) = db.execute(_SCOPE_AFTER, (tag,)).fetchone()
            if tag is None:
                return
            yield scope_of(tag)

    def claim_due(self, now: float, limit: int, lease: float) -> list[tuple[Scope, str]]:
        """See `Store`."""
        check_lease(lease)
        with self._transaction("IMMEDIATE") as db:
            rows = db.execute(_DUE, (now, max(limit, 0))).fetchall()
            db.executemany(_POSTPONE, [(now + lease, *row) for row in rows])
        return [(scope_of(tag), key.decode()) for tag, key in rows]

    def time(self) -> float:
        """See `Store`."""
        return time.time()

    def peek_due(self, now: float, limit: int) -> list[tuple[Scope, str]]:
        """See `Store`."""
        with self._transaction("DEFERRED") as db:
            rows = db.execute(_DUE, (now, max(limit, 0))).fetchall()
        return [(scope_of(tag), key.decode()) for tag, key in rows]

    def clear(self, scope: Scope) -> int:
        """See `Store`. On a full disk, entries go a few at a time."""
        tag = scope_tag(scope)
        try:
            deleted = self._clear(tag)
        except StoreFullError:
            deleted = self._with_reserve(partial(self._clear_in_steps, tag))
        self._give_back()
        self._try_wipe()
        return deleted

    def usage(self, scope: Scope) -> int:
        """See `Store`."""
        with self._transaction("DEFERRED") as db:
            return int(db.execute(_USAGE, (scope_tag(scope),)).fetchone()[0])

    def wipe(self) -> list[str]:
        """See `Store`. Waits for readers until the timeout, without keeping others waiting."""
        deadline = time.monotonic() + self._timeout
        while reason := self._try_wipe():
            if time.monotonic() >= deadline:
                return [f"{self._path}-wal, the log of the store: {reason}"]
            time.sleep(RETRY_PAUSE)
        return []

    def remains(self, scope: Scope, starts: Sequence[str]) -> list[str]:
        """See `Store`. Reads the whole file and its log: in both, a row's scope and key lie side by
        side."""
        tag = scope_tag(scope)
        with self._transaction("DEFERRED") as db:
            there = [key for key, *_ in db.execute(_ENTRIES, (tag, b"", _LAST))]
        gone = [start for start in map(key_bytes, starts) if not _any_starts(there, start)]
        wanted = [tag.encode() + start for start in gone]
        if self._path == MEMORY or not wanted:
            return []
        return [
            f"{path} still holds a trace of what was removed; `optimem purge` writes it anew"
            for path in (self._path, f"{self._path}-wal")
            if holds_any(path, wanted)
        ]

    def describe(self) -> dict[str, str]:
        """See `Store`."""
        where = "in memory" if self._path == MEMORY else self._path
        return {"kind": f"SQLite {sqlite3.sqlite_version}", "place": where}

    def purge(self) -> list[str]:
        """See `Store`. Writes the file anew, which also makes it as small as it can be; needs
        that much space on the disk and raises StoreFullError without it."""
        with self._connection() as db:
            db.execute(GIVES_BACK)
            db.execute("VACUUM")
        return self.wipe()

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        with self._lock:
            if self._db is not None and self._pid == os.getpid():
                self._db.close()
            self._db = None

    @contextmanager
    def _transaction(self, mode: Mode) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction that commits at the end of the block."""
        with self._connection() as db, transaction(db, mode):
            yield db

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone, with SQLite's errors raised as ours."""
        self._follow_fork()
        with self._lock, sqlite_errors(self._path):
            if self._db is None:
                raise StoreUnavailableError(f"the store {self._path!r} is closed; open it again")
            yield self._db

    def _follow_fork(self) -> None:
        """In a forked child, open a connection of its own and leave the parent's alone: a
        connection must not cross a fork (sqlite.org/howtocorrupt.html, 2.6)."""
        if self._pid == os.getpid() or self._path == MEMORY or self._db is None:
            return
        self._inherited = self._db  # a reference, or Python would close it
        self._lock = threading.Lock()
        self._db = open_database(self._path, self._timeout)
        self._pid = os.getpid()

    def _commit(self, tag: str, changes: Sequence[Change]) -> int:
        """Apply all changes or none. Returns the number of entries deleted."""
        with self._transaction("IMMEDIATE") as db:
            return sum(_apply(db, tag, change) for change in changes)

    def _clear(self, tag: str, last: bytes = _LAST) -> int:
        with self._transaction("IMMEDIATE") as db:
            return db.execute(_CLEAR, (tag, last)).rowcount

    def _clear_in_steps(self, tag: str) -> int:
        """Delete a scope's entries so that the log stays small."""
        deleted = 0
        while True:
            with self._transaction("DEFERRED") as db:
                found = db.execute(_FIRST, (tag, _STEP)).fetchall()
            if not found:
                return deleted
            sizes = accumulate(size for _, size in found)
            fitting = [key for (key, _), size in zip(found, sizes, strict=True) if size <= _ROOM]
            deleted += self._clear(tag, fitting[-1] if fitting else found[0][0])
            self._try_wipe()

    def _with_reserve(self, act: Callable[[], T]) -> T:
        """What `act` returns; if the disk is full, done again with the reserve's space, and the
        reserve filled again if there is room then."""
        try:
            return act()
        except (StoreFullError, StoreUnavailableError):
            if self._reserve is None or not self._reserve.release():
                raise
        try:
            return act()
        finally:
            self._reserve.fill()

    def _give_back(self) -> None:
        """Make the file smaller if much of it is free. Never raises, since what was committed stays
        so; the next commit tries again."""
        with self._connection() as db, suppress(sqlite3.Error):
            give_back(db)

    def _try_wipe(self) -> str:
        """Move the log into the file and truncate it, without waiting for anybody. Returns why
        that failed, "" if it did not. Never raises, since what was committed stays so."""
        with self._connection() as db:
            try:
                return "" if truncate_log(db) else _IN_USE
            except sqlite3.Error as error:
                return f"{error}; free some space on its disk and forget or purge again"


def _any_starts(keys: Sequence[bytes], start: bytes) -> bool:
    return any(key.startswith(start) for key in keys)


def _apply(db: sqlite3.Connection, tag: str, change: Change) -> int:
    """Apply one change. Returns the number of entries deleted."""
    key = key_bytes(change.key)
    if change.expect is not None:
        row = db.execute(_VERSION, (tag, key)).fetchone()
        version = row[0] if row else 0
        if version != change.expect:
            raise conflict_error(change.key, change.expect, version)
    if change.value is None:
        return db.execute(_DELETE, (tag, key)).rowcount
    db.execute(_WRITE, (tag, key, change.due, change.value))
    return 0
