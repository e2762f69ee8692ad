"""The embedded store: one SQLite file in WAL mode. Knows nothing of what the bytes mean.

One connection behind a lock serves all threads of a process; SQLite's own locks keep
processes apart. Every commit is synced to the disk before it returns. What is deleted is
overwritten, in the file and in its write-ahead log, as forgetting must be real.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from optimem.errors import StoreLockedError, StoreUnavailableError
from optimem.protocols import Change, Entry, EntryInfo
from optimem.store.changes import checked_changes, checked_lease, conflict
from optimem.store.keys import name_bytes, scope_of, scope_tag
from optimem.store.sqlite_file import MEMORY, named_errors, open_database
from optimem.turns import Scope

PAUSE = 0.01  # seconds between tries
_READ = "SELECT version, value FROM entries WHERE scope = ? AND key = ?"
_VERSION = "SELECT version FROM entries WHERE scope = ? AND key = ?"
_LIST = """SELECT key, version, length(value), due FROM entries
           WHERE scope = ? AND key >= ? AND key < ? ORDER BY key"""
_WRITE = """INSERT INTO entries (scope, key, version, due, value) VALUES (?, ?, 1, ?, ?)
            ON CONFLICT (scope, key) DO UPDATE
            SET version = version + 1, due = excluded.due, value = excluded.value"""
_DUE = "SELECT scope, key FROM entries WHERE due <= ? ORDER BY due, scope, key LIMIT ?"
_USAGE = "SELECT coalesce(sum(length(key) + length(value)), 0) FROM entries WHERE scope = ?"


class SQLiteStore:
    """Versioned bytes in one file, for many threads and processes at once.

    `path`: the file, made if it does not exist, in a folder that does; `:memory:` for none.
    `timeout`: seconds to wait while another process writes. Raises VersionError for a file of
    a newer release and FormatError for one that is no optimem store; neither is touched.

    What a commit deletes is wiped from the log at once, what it replaces at the next commit
    that deletes, `clear` or `close`.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 5.0) -> None:
        self._path = os.fspath(path)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._inherited: sqlite3.Connection | None = None
        self._db: sqlite3.Connection | None = open_database(self._path, timeout)

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        """The entries, in the order asked for; None where there is none."""
        tag = scope_tag(scope)
        with self._transaction("DEFERRED") as db:
            rows = [db.execute(_READ, (tag, name_bytes(key))).fetchone() for key in keys]
        return [row and Entry(key, *row) for key, row in zip(keys, rows, strict=True)]

    def entries(self, scope: Scope, prefix: str = "") -> list[EntryInfo]:
        """Entries whose key starts with `prefix`, in key order."""
        start = name_bytes(prefix)
        bounds = (scope_tag(scope), start, start + b"\xff")  # no UTF-8 text holds the byte FF
        with self._transaction("DEFERRED") as db:
            rows = db.execute(_LIST, bounds).fetchall()
        return [EntryInfo(key.decode(), version, size, due) for key, version, size, due in rows]

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        """All changes or none. Raises ConflictError if an `expect` does not hold."""
        checked_changes(changes)
        tag = scope_tag(scope)
        with self._transaction("IMMEDIATE") as db:
            deleted = sum(self._apply(db, tag, change) for change in changes)
        if deleted:
            self._wipe()

    @staticmethod
    def _apply(db: sqlite3.Connection, tag: str, change: Change) -> int:
        """Make one change; the number of entries deleted."""
        name = name_bytes(change.key)
        if change.expect is not None:
            row = db.execute(_VERSION, (tag, name)).fetchone()
            version = row[0] if row else 0
            if version != change.expect:
                raise conflict(change.key, change.expect, version)
        if change.value is None:
            done = db.execute("DELETE FROM entries WHERE scope = ? AND key = ?", (tag, name))
            return done.rowcount
        db.execute(_WRITE, (tag, name, change.due, change.value))
        return 0

    def scopes(self) -> Iterator[Scope]:
        """Every scope that holds an entry, one short query each."""
        tag: str | None = ""
        while True:
            with self._transaction("DEFERRED") as db:
                query = "SELECT min(scope) FROM entries WHERE scope > ?"
                (tag,) = db.execute(query, (tag,)).fetchone()
            if tag is None:
                return
            yield scope_of(tag)

    def claim_due(self, now: float, limit: int, lease: float) -> list[tuple[Scope, str]]:
        """Claim up to `limit` entries due at or before `now`, earliest first: nobody else is
        offered them until `now + lease`. Raises InputError if `lease` is not positive."""
        until = now + checked_lease(lease)
        with self._transaction("IMMEDIATE") as db:
            rows = db.execute(_DUE, (now, max(limit, 0))).fetchall()
            update = "UPDATE entries SET due = ? WHERE scope = ? AND key = ?"
            db.executemany(update, [(until, *row) for row in rows])
        return [(scope_of(tag), name.decode()) for tag, name in rows]

    def peek_due(self, now: float, limit: int) -> list[tuple[Scope, str]]:
        """What `claim_due` would return, without claiming it."""
        with self._transaction("DEFERRED") as db:
            rows = db.execute(_DUE, (now, max(limit, 0))).fetchall()
        return [(scope_of(tag), name.decode()) for tag, name in rows]

    def clear(self, scope: Scope) -> int:
        """Remove everything of a scope and wipe its bytes; the number of entries removed.

        Raises StoreLockedError if another process reads on for longer than the timeout: the
        entries are removed then, but not yet wiped from the log; clear again.
        """
        with self._transaction("IMMEDIATE") as db:
            query = "DELETE FROM entries WHERE scope = ?"
            removed = db.execute(query, (scope_tag(scope),)).rowcount
        if not self._wiped():
            raise StoreLockedError(
                f"{removed} entries are removed from {self._path!r}, but a reader keeps their "
                "bytes in the write-ahead log; clear again when it has finished"
            )
        return removed

    def usage(self, scope: Scope) -> int:
        """Bytes of all keys and values of a scope."""
        with self._transaction("DEFERRED") as db:
            return int(db.execute(_USAGE, (scope_tag(scope),)).fetchone()[0])

    def close(self) -> None:
        """Close the file; harmless when called twice."""
        with self._lock:
            if self._db is not None and self._pid == os.getpid():
                self._db.close()
            self._db = None

    @contextmanager
    def _transaction(self, mode: Literal["DEFERRED", "IMMEDIATE"]) -> Iterator[sqlite3.Connection]:
        """The connection inside a transaction that ends with the block."""
        with self._connection() as db:
            db.execute(f"BEGIN {mode}")
            try:
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.rollback()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone, with SQLite's errors named."""
        self._follow_fork()
        with self._lock, named_errors(self._path):
            if self._db is None:
                raise StoreUnavailableError(f"the store {self._path!r} is closed; open it again")
            yield self._db

    def _follow_fork(self) -> None:
        """A connection must not cross a fork (sqlite.org/howtocorrupt.html, 2.6): the child
        opens its own and leaves the parent's alone."""
        if self._pid == os.getpid() or self._path == MEMORY or self._db is None:
            return
        self._inherited = self._db
        self._lock = threading.Lock()
        self._db = open_database(self._path, self._timeout)
        self._pid = os.getpid()

    def _wiped(self) -> bool:
        """`_wipe` until it is done or the timeout is over: SQLite waits for readers, but not for
        another connection that wipes at the same moment."""
        deadline = time.monotonic() + self._timeout
        while not self._wipe():
            if time.monotonic() >= deadline:
                return False
            time.sleep(PAUSE)
        return True

    def _wipe(self) -> bool:
        """Move the log into the file and cut it to nothing; False if a reader prevents it."""
        with self._connection() as db:
            busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy
