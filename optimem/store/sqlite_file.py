"""Opening the SQLite file: is it ours, of which schema, and what SQLite's errors mean."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

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

MEMORY = ":memory:"
SCHEMA = 1
APPLICATION = 0x6F6D656D
"""`PRAGMA application_id`: "omem" in ASCII marks the file as ours."""

# The value comes last: the other columns are read without it.
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
    sqlite3.SQLITE_BUSY: (StoreLockedError, "another process holds it; retry or wait longer"),
    sqlite3.SQLITE_LOCKED: (StoreLockedError, "it is in use; retry or wait longer"),
    sqlite3.SQLITE_FULL: (StoreFullError, "free some space on its disk or forget something"),
    sqlite3.SQLITE_CANTOPEN: (
        StoreUnavailableError,
        "create its folder, or choose a path that is a file you may write",
    ),
    sqlite3.SQLITE_READONLY: (StoreUnavailableError, "make the file and its folder writable"),
    sqlite3.SQLITE_PERM: (StoreUnavailableError, "make the file and its folder writable"),
    sqlite3.SQLITE_IOERR: (StoreUnavailableError, "its disk fails; check it"),
    sqlite3.SQLITE_NOTADB: (FormatError, "it is no SQLite database; choose another path"),
    sqlite3.SQLITE_CORRUPT: (FormatError, "it is damaged; restore it from a backup"),
    sqlite3.SQLITE_TOOBIG: (InputError, "a value is larger than SQLite takes; split it"),
}
"""By primary result code (sqlite.org/rescode.html): the error, and its remedy."""


@contextmanager
def named_errors(path: str) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        kind, remedy = _ERRORS.get(code, (StoreError, "see the cause"))
        raise kind(f"the store {path!r}: {error}; {remedy}") from error


def open_database(path: str, timeout: float) -> sqlite3.Connection:
    """A connection to the store's file, made if there is none. Waits at most `timeout`
    seconds for others. A file that is not ours is left as it is."""
    with named_errors(path):
        db = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
        try:
            _prepare(db, path, time.monotonic() + timeout)
        except BaseException:
            db.close()
            raise
        return db


def _prepare(db: sqlite3.Connection, path: str, deadline: float) -> None:
    """Check the file before the first statement that could write to it; then set it up."""
    is_new = _is_new(db, path)
    _use_wal(db, deadline)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    if is_new:
        _create(db, path)


def _is_new(db: sqlite3.Connection, path: str) -> bool:
    """Is there no schema yet? Raises VersionError or FormatError if the file is not ours."""
    application, schema, tables = db.execute(_IDENTITY).fetchone()
    if schema > SCHEMA:
        raise VersionError(
            f"the store {path!r} has schema {schema}, this release reads up to {SCHEMA}; "
            "upgrade optimem"
        )
    if application == APPLICATION and schema == SCHEMA:
        return False
    if path != MEMORY and os.path.getsize(path) == 1:  # SQLite takes one byte for no file
        raise FormatError(f"the store {path!r} is no SQLite database; choose another path")
    if (application, schema, tables) != (0, 0, 0):
        raise FormatError(f"{path!r} is a SQLite database of another program; choose another path")
    return True


def _use_wal(db: sqlite3.Connection, deadline: float) -> None:
    """Switch the file to WAL. SQLite does not wait for its lock here, so we do."""
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.01)


def _create(db: sqlite3.Connection, path: str) -> None:
    """Make the schema, unless another process just did."""
    db.execute("BEGIN IMMEDIATE")
    try:
        if _is_new(db, path):
            db.execute(_TABLE)
            db.execute(_INDEX)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {SCHEMA}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.rollback()
