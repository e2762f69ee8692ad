"""The SQLite file: opens it, checks that it is ours, and translates SQLite's errors.

Knows the schema, but no query on it.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from optimem.errors import (
    FormatError,
    InputError,
    OptimemError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnavailableError,
    VersionError,
)

Mode = Literal["DEFERRED", "IMMEDIATE"]
"""When a transaction takes its lock: at the first statement that needs one, or at the start."""

MEMORY = ":memory:"
"""The path of a store without a file."""

RETRY_PAUSE = 0.01
"""Seconds between attempts where SQLite does not wait by itself."""

GIVES_BACK = "PRAGMA auto_vacuum = INCREMENTAL"
"""Lets free pages of a file be cut off."""
SPARE, STEP = 256, 256
"""Free pages, of 4 KiB, that a file keeps, besides a quarter of all; pages cut off at a time, which
fit in the log."""

_BLOCK = 8 << 20
"""Bytes of a file that are looked through at a time."""

SCHEMA = 1
"""`PRAGMA user_version`."""

APPLICATION = 0x6F6D656D
"""`PRAGMA application_id`: "omem" in ASCII."""

# `value` comes last so that the other columns can be read without it.
_TABLE = """
CREATE TABLE entries (
    scope TEXT NOT NULL,
    key BLOB NOT NULL,
    version INTEGER NOT NULL,
    due REAL,
    value BLOB NOT NULL,
    PRIMARY KEY (scope, key)
)"""
_INDEX = "CREATE INDEX entries_due ON entries (due, scope, key) WHERE due IS NOT NULL"
_IDENTITY = """SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)
               FROM pragma_application_id, pragma_user_version"""

_ERRORS: dict[int, tuple[type[OptimemError], str]] = {
    sqlite3.SQLITE_BUSY: (
        StoreLockedError,
        "another process holds it; retry or raise the timeout",
    ),
    sqlite3.SQLITE_LOCKED: (StoreLockedError, "it is in use; retry or raise the timeout"),
    sqlite3.SQLITE_FULL: (StoreFullError, "free some space on its disk or delete something"),
    sqlite3.SQLITE_CANTOPEN: (
        StoreUnavailableError,
        "create its folder, or choose the path of a file that you may write",
    ),
    sqlite3.SQLITE_READONLY: (StoreUnavailableError, "make the file and its folder writable"),
    sqlite3.SQLITE_PERM: (StoreUnavailableError, "make the file and its folder writable"),
    sqlite3.SQLITE_IOERR: (StoreUnavailableError, "check its disk"),
    sqlite3.SQLITE_NOTADB: (FormatError, "it is not a SQLite database; choose another path"),
    sqlite3.SQLITE_CORRUPT: (FormatError, "it is damaged; restore it from a backup"),
    sqlite3.SQLITE_TOOBIG: (InputError, "a value is too large for SQLite; split it"),
}
"""The error to raise, and its remedy, by primary result code (sqlite.org/rescode.html)."""


@contextmanager
def sqlite_errors(path: str) -> Iterator[None]:
    """Raise SQLite's errors as ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        kind, remedy = _ERRORS.get(code, (StoreError, "see the cause"))
        raise kind(f"the store {path!r}: {error}; {remedy}") from error


def open_database(path: str, timeout: float) -> sqlite3.Connection:
    """A connection to the file at `path`, created if it does not exist. Waits up to `timeout`
    seconds for other processes. Raises VersionError for a file of a newer release and FormatError
    for one that is not ours; neither is changed."""
    with sqlite_errors(path):
        db = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
        try:
            _prepare(db, path, time.monotonic() + timeout)
        except BaseException:
            db.close()
            raise
        return db


@contextmanager
def transaction(db: sqlite3.Connection, mode: Mode) -> Iterator[None]:
    """A transaction that commits at the end of the block, and rolls back if that fails."""
    db.execute(f"BEGIN {mode}")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.rollback()


def truncate_log(db: sqlite3.Connection) -> bool:
    """Move the write-ahead log into the file and truncate it. Returns False at once if another
    connection prevents it."""
    (patience,) = db.execute("PRAGMA busy_timeout").fetchone()
    db.execute("PRAGMA busy_timeout = 0")
    try:
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        db.execute(f"PRAGMA busy_timeout = {patience}")
    return not busy


def give_back(db: sqlite3.Connection) -> None:
    """Cut off a part of the file, if much of it is free. Does nothing to a file made before there
    was this, until VACUUM has made it anew."""
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    if free > max(pages // 4, SPARE):
        db.executescript(f"PRAGMA incremental_vacuum({STEP})")  # `execute` stops after a page


def holds_any(path: str, wanted: Sequence[bytes]) -> bool:
    """Whether a file holds one of some byte strings; False if there is none."""
    overlap, before = max(map(len, wanted)) - 1, b""
    try:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                block = before + block
                if any(each in block for each in wanted):
                    return True
                before = block[-overlap:] if overlap else b""
    except FileNotFoundError:
        pass
    return False


def _prepare(db: sqlite3.Connection, path: str, deadline: float) -> None:
    """Check the file before any statement that could write to it, then set it up."""
    is_new = _is_new(db, path)
    if is_new:
        db.execute(GIVES_BACK)  # only a file without tables takes it
    _use_wal(db, deadline)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    db.execute("PRAGMA wal_autocheckpoint = 256")  # the log must fit in the reserve
    if is_new:
        _create(db, path)


def _is_new(db: sqlite3.Connection, path: str) -> bool:
    """Whether the file has no schema yet. Raises VersionError or FormatError if it is not ours."""
    application, schema, tables = db.execute(_IDENTITY).fetchone()
    if schema > SCHEMA:
        raise VersionError(
            f"the store {path!r} has schema {schema}, this release reads up to {SCHEMA}; "
            "upgrade optimem"
        )
    if application == APPLICATION and schema == SCHEMA:
        return False
    if path != MEMORY and os.path.getsize(path) == 1:  # empty to SQLite
        raise FormatError(f"the store {path!r} is not a SQLite database; choose another path")
    if (application, schema, tables) != (0, 0, 0):
        raise FormatError(f"{path!r} is a database of another program; choose another path")
    return True


def _use_wal(db: sqlite3.Connection, deadline: float) -> None:
    """Switch the file to WAL mode. SQLite does not wait for the lock here, so we do."""
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() >= deadline:
                raise
        time.sleep(RETRY_PAUSE)


def _create(db: sqlite3.Connection, path: str) -> None:
    """Create the schema, unless another process has just done so."""
    with transaction(db, "IMMEDIATE"):
        if _is_new(db, path):
            db.execute(_TABLE)
            db.execute(_INDEX)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {SCHEMA}")
