"""The SQLite file: foreign, damaged and unreachable files are named and left as they are."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

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
from optimem.protocols import Change
from optimem.store.sqlite import SQLiteStore
from optimem.store.sqlite_file import APPLICATION, SCHEMA, open_database, sqlite_errors, transaction
from tests.store.scopes import HOME, put


class TestAFileThatIsNotOurs:
    def assert_untouched(self, path: Path, error: type[Exception], match: str) -> None:
        files = {file: file.read_bytes() for file in path.parent.iterdir()}
        with pytest.raises(error, match=match):
            SQLiteStore(path)
        assert {file: file.read_bytes() for file in path.parent.iterdir()} == files

    @pytest.mark.parametrize("content", [b"x", b"hello " * 2000, b"SQLite format 3\0" + b"x" * 999])
    def test_no_database(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        self.assert_untouched(path, FormatError, "not a SQLite database|damaged")

    def test_a_newer_schema(self, path: Path) -> None:
        store = SQLiteStore(path)
        put(store, HOME, a=1.0)
        store.close()
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 2")
        db.close()
        self.assert_untouched(path, VersionError, "schema 2.*upgrade")

    def test_a_database_of_another_program(self, path: Path) -> None:
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE theirs (x)")
        db.close()
        self.assert_untouched(path, FormatError, "another program")

    def test_an_empty_file_becomes_a_store(self, path: Path) -> None:
        path.touch()
        store = SQLiteStore(path)
        assert store.entries(HOME) == []
        store.close()

    def test_a_damaged_file_is_named(self, path: Path) -> None:
        store = SQLiteStore(path)
        store.commit(HOME, [Change(f"k{i:04}", b"x" * 3000) for i in range(50)])
        store.close()
        content = bytearray(path.read_bytes())
        content[4096 : len(content)] = b"\xff" * (len(content) - 4096)
        path.write_bytes(content)
        store = SQLiteStore(path)
        with pytest.raises(FormatError, match="damaged"):
            store.entries(HOME)
        store.close()


class TestAFileThatCannotBeReached:
    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(StoreUnavailableError, match="create its folder"):
            SQLiteStore(tmp_path / "none" / "memory.db")
        assert list(tmp_path.iterdir()) == []

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(StoreUnavailableError):
            SQLiteStore(tmp_path)

    def test_a_file_as_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreUnavailableError):
            SQLiteStore(tmp_path / "file" / "memory.db")

    def test_a_read_only_file(self) -> None:
        with tempfile.TemporaryDirectory() as folder, unprivileged(folder):
            path = Path(folder, "memory.db")
            SQLiteStore(path).close()
            path.chmod(0o444)
            store = SQLiteStore(path)
            assert store.entries(HOME) == []
            with pytest.raises(StoreUnavailableError, match="writable"):
                put(store, HOME, a=1.0)
            store.close()

    def test_a_read_only_folder(self) -> None:
        with tempfile.TemporaryDirectory() as folder, unprivileged(folder):
            os.chmod(folder, 0o555)
            with pytest.raises(StoreUnavailableError):
                SQLiteStore(Path(folder, "memory.db"))


@contextmanager
def unprivileged(folder: str) -> Iterator[None]:
    """Give the folder to a user whom permissions bind, and be that user for a while."""
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    try:
        yield
    finally:
        os.chmod(folder, 0o755)
        if is_root:
            os.seteuid(0)


def test_a_new_file_is_marked_as_ours_and_set_up_to_forget(path: Path) -> None:
    for _ in range(2):  # the second time it exists
        with closing(open_database(str(path), timeout=1)) as db:
            values = [
                db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("application_id", "user_version", "journal_mode", "secure_delete")
            ]
            assert values == [APPLICATION, SCHEMA, "wal", 1]
            assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert b"omem" in path.read_bytes()[:100]


@pytest.mark.parametrize(
    ("code", "ours", "message"),
    [
        (sqlite3.SQLITE_BUSY, StoreLockedError, "raise the timeout"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreLockedError, "raise the timeout"),
        (sqlite3.SQLITE_FULL, StoreFullError, "free some space"),
        (sqlite3.SQLITE_READONLY_DBMOVED, StoreUnavailableError, "writable"),
        (sqlite3.SQLITE_IOERR_READ, StoreUnavailableError, "check its disk"),
        (sqlite3.SQLITE_CORRUPT, FormatError, "restore it from a backup"),
        (sqlite3.SQLITE_TOOBIG, InputError, "split it"),
        (sqlite3.SQLITE_MISUSE, StoreError, "see the cause"),
    ],
)
def test_every_error_of_sqlite_becomes_ours(
    code: int, ours: type[OptimemError], message: str
) -> None:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code
    with (
        pytest.raises(ours, match=f"'a.db': it failed; .*{message}") as caught,
        sqlite_errors("a.db"),
    ):
        raise error
    assert type(caught.value) is ours
    assert caught.value.__cause__ is error


def test_a_transaction_commits_at_its_end_or_not_at_all(path: Path) -> None:
    def write(db: sqlite3.Connection, *scopes: str) -> None:
        with transaction(db, "IMMEDIATE"):
            for scope in scopes:
                db.execute("INSERT INTO entries VALUES (?, x'00', 1, NULL, x'')", (scope,))

    with closing(open_database(str(path), timeout=1)) as db:
        write(db, "a", "b")
        with pytest.raises(sqlite3.IntegrityError):
            write(db, "c", "a")
        assert not db.in_transaction
        assert db.execute("SELECT scope FROM entries").fetchall() == [("a",), ("b",)]
