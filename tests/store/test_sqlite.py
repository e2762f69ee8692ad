"""The SQLite store: the suite, and what only a file can get wrong."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from optimem.errors import (
    StoreFullError,
    StoreLockedError,
    StoreUnavailableError,
)
from optimem.protocols import Change, Entry
from optimem.store.sqlite import SQLiteStore
from tests.store.conformance import StoreSuite
from tests.store.scopes import AWAY, HOME, put

WRITER = """
import sys
from optimem.protocols import Change, Entry
from optimem.store.sqlite import SQLiteStore
from optimem.turns import Scope
store = SQLiteStore(sys.argv[1])
for i in range(10**9):
    value = b"%d" % i * 5000
    changes = [Change(f"{part}{i}", value) for part in "ab"] + [Change("last", b"%d" % i)]
    store.commit(Scope(session="home"), changes)
    print(i, flush=True)
"""

READER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN")
db.execute("SELECT count(*) FROM entries").fetchone()
print("reading", flush=True)
sys.stdin.read()
"""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Another process that keeps a read transaction open."""
    command = [sys.executable, "-c", READER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"reading\n"
        yield
        reader.communicate()


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(path)
    yield store
    store.close()


class TestSQLiteStore(StoreSuite):
    @pytest.fixture
    def url(self, path: Path) -> str:
        return str(path)


class TestMemory:
    def test_it_works_without_a_file(self) -> None:
        store = SQLiteStore(":memory:")
        put(store, HOME, a=1.0)
        assert store.claim_due(now=2, limit=1, lease=1) == [(HOME, "a")]
        assert store.clear(HOME) == 1
        store.close()


class TestTrouble:
    def test_a_closed_store(self, store: SQLiteStore) -> None:
        store.close()
        with pytest.raises(StoreUnavailableError, match="closed"):
            store.entries(HOME)

    def test_a_lock_held_too_long(self, path: Path, store: SQLiteStore) -> None:
        put(store, HOME, a=1.0)
        waiting = SQLiteStore(path, timeout=0.05)
        with sqlite3.connect(path, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            for act in (
                lambda: put(waiting, HOME, b=1.0),
                lambda: waiting.clear(HOME),
                lambda: waiting.claim_due(now=9, limit=9, lease=1),
            ):
                with pytest.raises(StoreLockedError, match="locked"):
                    act()
            assert [info.key for info in waiting.entries(HOME)] == ["a"]  # reading goes on
            other.execute("ROLLBACK")
        other.close()
        put(waiting, HOME, b=1.0)
        assert [info.key for info in store.entries(HOME)] == ["a", "b"]
        waiting.close()

    def test_a_full_disk(self, store: SQLiteStore) -> None:
        store.commit(HOME, [Change("a", b"before", due=1.0)])
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages + 5}")
        with pytest.raises(StoreFullError, match="free some space"):
            store.commit(HOME, [Change("a", b"after"), Change("b", b"x" * 100_000)])
        assert [entry and entry.value for entry in store.get(HOME, ["a", "b"])] == [b"before", None]
        assert store.claim_due(now=2, limit=9, lease=1) == [(HOME, "a")]
        assert store.clear(HOME) == 1

    def test_a_writer_killed_in_the_middle(self, path: Path) -> None:
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                if int(line) == 30:
                    writer.send_signal(signal.SIGKILL)
            printed = int(line)
        store = SQLiteStore(path)
        (entry,) = store.get(HOME, ["last"])
        assert entry is not None
        last = int(entry.value)
        assert printed <= last <= printed + 1  # at most one commit beyond the last one printed
        keys = [info.key for info in store.entries(HOME) if info.key != "last"]
        assert keys == sorted(f"{part}{i}" for part in "ab" for i in range(last + 1))
        for key, found in zip(keys, store.get(HOME, keys), strict=True):
            assert found is not None
            assert found.value == key[1:].encode() * 5000
        store.close()

    def test_two_open_a_new_file_at_once(self, path: Path) -> None:
        command = [sys.executable, "-c", WRITER.replace("10**9", "3"), str(path)]
        writers = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
        assert [writer.wait(60) for writer in writers] == [0, 0]
        store = SQLiteStore(path)
        assert {info.version for info in store.entries(HOME) if info.key != "last"} == {2}
        assert store.get(HOME, ["last"]) == [Entry("last", 6, b"2")]
        store.close()


class TestForgetting:
    """Removed bytes are gone from the files, not only from the tables."""

    def secrets(self, seed: int) -> dict[str, bytes]:
        draw = random.Random(seed)
        sizes = [draw.choice([40, 300, 3000, 40_000]) for _ in range(60)]
        return {f"name-{draw.randbytes(8).hex()}": draw.randbytes(size) for size in sizes}

    def found(self, path: Path, secrets: dict[str, bytes]) -> list[str]:
        """Names of secrets of which a piece is left."""
        left = b"".join(file.read_bytes() for file in path.parent.iterdir())
        pieces = set()
        for offset in range(8):  # every 8 bytes in a row, wherever they start
            end = offset + (len(left) - offset) // 8 * 8
            pieces |= set(np.unique(np.frombuffer(left[offset:end], np.uint64)).tolist())
        return [
            name
            for name, value in secrets.items()
            if name.encode() in left
            or not pieces.isdisjoint(
                np.frombuffer(value[: len(value) // 8 * 8], np.uint64).tolist()
            )
        ]

    @pytest.mark.parametrize("seed", range(3))
    def test_clear_leaves_no_byte(self, path: Path, store: SQLiteStore, seed: int) -> None:
        secrets, kept = self.secrets(seed), self.secrets(99)
        for name, value in secrets.items():
            store.commit(HOME, [Change(name, value, due=1.0)])
            store.commit(HOME, [Change(name, value[::-1])])
            store.commit(HOME, [Change(name, value, due=2.0)])
        store.commit(AWAY, [Change(name, value) for name, value in kept.items()])
        assert len(self.found(path, secrets)) == 60
        assert store.clear(HOME) == 60
        assert self.found(path, secrets) == []
        assert len(self.found(path, kept)) == 60

    def test_a_deleting_commit_leaves_no_byte(self, path: Path, store: SQLiteStore) -> None:
        secrets = self.secrets(7)
        store.commit(HOME, [Change(name, value) for name, value in secrets.items()])
        gone = dict(list(secrets.items())[::2])
        store.commit(HOME, [Change(name, None) for name in gone])
        assert self.found(path, gone) == []
        assert len(store.entries(HOME)) == 30

    def test_a_wipe_says_what_a_reader_in_another_process_keeps(self, path: Path) -> None:
        store, secret = SQLiteStore(path, timeout=0.05), {"a-name": b"secret42" * 9}
        store.commit(HOME, [Change(name, value) for name, value in secret.items()])
        with reading(path):
            assert store.clear(HOME) == 1
            (residue,) = store.wipe()
            assert "-wal" in residue
            assert "optimem purge" in residue
            assert self.found(path, secret) == ["a-name"]  # it says so because it is so
        assert store.wipe() == []
        assert self.found(path, secret) == []
        store.close()

    def test_a_purge_removes_what_was_written_without_overwriting(self, path: Path) -> None:
        store, secrets = SQLiteStore(path), self.secrets(3)
        store._db.execute("PRAGMA secure_delete = OFF")
        store.commit(HOME, [Change(name, value) for name, value in secrets.items()])
        put(store, AWAY, kept=1.0)
        store.clear(HOME)
        assert store.wipe() == []
        assert self.found(path, secrets)
        assert store.purge() == []
        assert self.found(path, secrets) == []
        assert [info.key for info in store.entries(AWAY)] == ["kept"]
        store.close()


class TestAReaderInAnotherProcess:
    def test_nobody_waits_for_it(self, path: Path, store: SQLiteStore) -> None:
        put(store, HOME, a=1.0, b=1.0, c=1.0)
        with reading(path):
            started = time.monotonic()
            for key in "abc":
                store.commit(HOME, [Change(key, None)])
            store.clear(HOME)
            assert time.monotonic() - started < 2  # the timeout is 5 s

    def test_a_wipe_that_waits_for_it_holds_up_no_other_thread(
        self, path: Path, store: SQLiteStore
    ) -> None:
        put(store, HOME, a=1.0)
        with ThreadPoolExecutor() as pool, reading(path):
            store.clear(HOME)
            wiping = pool.submit(store.wipe)
            started = time.monotonic()
            for number in range(20):
                put(store, HOME, **{f"k{number}": 1.0})
            assert time.monotonic() - started < 2
            assert not wiping.done()
            assert len(store.entries(HOME)) == 20
        assert wiping.result() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


class TestAFullDisk:
    def fill(self, store: SQLiteStore, folder: Path) -> None:
        """Write until no byte more goes in."""
        for scope in (AWAY, HOME):
            changes = [Change(f"k{number:02}", bytes([number]) * 20_000) for number in range(150)]
            store.commit(scope, changes)
        with (folder / "other").open("wb", buffering=0) as other, suppress(OSError):
            while other.write(bytes(4096)):
                pass
        with pytest.raises(StoreFullError, match="free some space"):
            store.commit(AWAY, [Change("more", b"x" * 5_000_000)])

    def test_deleting_goes_on(self, small_disk: Path) -> None:
        store = SQLiteStore(small_disk / "memory.db")
        self.fill(store, small_disk)
        store.commit(HOME, [Change("k00", None), Change("k01", b"faded")])
        assert store.wipe() == []
        assert store.clear(HOME) == 149
        assert store.entries(HOME) == []
        assert len(store.entries(AWAY)) == 150
        assert (small_disk / "memory.db-reserve").exists()
        store.close()

    def test_a_store_opens_to_forget(self, small_disk: Path) -> None:
        store = SQLiteStore(small_disk / "memory.db")
        self.fill(store, small_disk)
        store.close()
        with (small_disk / "more").open("wb", buffering=0) as other, suppress(OSError):
            while other.write(bytes(4096)):
                pass
        store = SQLiteStore(small_disk / "memory.db")
        assert store.clear(HOME) == 150
        assert len(store.entries(AWAY)) == 150
        store.close()


def test_a_backup_made_by_sqlite_while_others_write_is_a_store(path: Path) -> None:
    store = SQLiteStore(path)
    put(store, HOME, a=1.0)
    copy = f"{path}-backup"
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as backup:
        source.backup(backup)
    put(store, HOME, b=1.0)
    restored = SQLiteStore(copy)
    assert [info.key for info in restored.entries(HOME)] == ["a"]
    restored.close()
    store.close()


def test_what_was_freed_is_given_back_to_the_disk(path: Path) -> None:
    with closing(SQLiteStore(path)) as store:
        for number in range(40):
            store.commit(HOME, [Change(f"k{number:02}", bytes(100_000))])
        store.wipe()
        full = path.stat().st_size
        for number in range(40):  # a page that fades is replaced by a smaller one
            store.commit(HOME, [Change(f"k{number:02}", bytes(5_000))])
        store.wipe()
        assert path.stat().st_size < full / 2
        assert [entry and len(entry.value) for entry in store.get(HOME, ["k00", "k39"])] == [
            5_000
        ] * 2


def test_a_purge_makes_an_older_file_give_back_what_is_freed(path: Path) -> None:
    with closing(SQLiteStore(path)) as store:
        store.commit(HOME, [Change("kept", b"kept")])
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA auto_vacuum = NONE")
        db.execute("VACUUM")
    with closing(SQLiteStore(path)) as store:
        store.purge()
        for number in range(60):
            store.commit(HOME, [Change(f"k{number:02}", bytes(100_000))])
        for number in range(60):
            store.commit(HOME, [Change(f"k{number:02}", None)])
        store.wipe()
        assert path.stat().st_size < 3_000_000
        assert store.get(HOME, ["kept"]) == [Entry("kept", 1, b"kept")]
