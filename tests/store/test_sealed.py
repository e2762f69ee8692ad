"""Sealed stores: they pass the suite of all stores, and nothing shows in what lies below."""

import logging
from pathlib import Path

import pytest
import redis

from optimem.errors import FormatError, InputError, MissingKeyError
from optimem.protocols import Change, Entry, Store
from optimem.reports import KeyRotation
from optimem.store import open_store
from optimem.store.keys import Keyring, UserKeys
from optimem.store.sealed import HOME as NAMES_HOME
from optimem.store.sealed import SealedStore, seal_store
from optimem.store.sealing import NameCipher, SealedRecord, new_key, seal
from optimem.store.sqlite import SQLiteStore
from optimem.testing import InMemoryStore
from optimem.turns import Scope
from tests.servers import RedisServer
from tests.store import conformance, sharing
from tests.store.conformance import StoreSuite
from tests.store.scopes import AWAY, HOME, put

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
WORDS = b"the vault opens at nine; ask Zoe"


def sealed_size(key: str, value: bytes) -> tuple[int, int]:
    """As the suite's `plain_size`, of a sealed store."""
    names = NameCipher(bytes(range(64)))
    return len(names.seal_key(HOME, key)), len(seal(value, OLD, b""))


class TestSealedInMemory(StoreSuite):
    """Several processes and forks are the business of the store below."""

    size = staticmethod(sealed_size)
    test_processes_lose_no_increment = None  # type: ignore[assignment]
    test_a_store_crosses_a_fork = None  # type: ignore[assignment]

    @pytest.fixture(autouse=True)
    def url(self, monkeypatch: pytest.MonkeyPatch) -> str:
        below = dict[str, InMemoryStore]()

        def opened(url: str, timeout: float = 5.0) -> Store:
            return sealed(below.setdefault(url, InMemoryStore()), OLD)

        for module in (conformance, sharing):
            monkeypatch.setattr(module, "open_store", opened)
        return "memory"


class TestSealedRedis(StoreSuite):
    """The key comes from the environment."""

    size = staticmethod(sealed_size)
    test_processes_lose_no_increment = None  # type: ignore[assignment]
    test_a_store_crosses_a_fork = None  # type: ignore[assignment]
    test_it_behaves_like_a_dictionary = None  # type: ignore[assignment]

    @pytest.fixture
    def url(self, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("OPTIMEM_KEY", OLD.hex())
        return redis_url


@pytest.fixture
def below() -> InMemoryStore:
    return InMemoryStore()


def sealed(below: Store, *keys: bytes) -> SealedStore:
    store = seal_store(below, Keyring(*keys), owned=False)
    assert isinstance(store, SealedStore)
    return store


class TestKeys:
    def test_a_wrong_key_and_none_are_named(self, below: InMemoryStore) -> None:
        put(sealed(below, OLD), HOME, a=1.0)
        with pytest.raises(MissingKeyError, match="a key that was not given"):
            seal_store(below, Keyring(NEW), owned=False)
        with pytest.raises(MissingKeyError, match="OPTIMEM_KEY"):
            seal_store(below, None, owned=False)

    def test_a_store_that_holds_something_unsealed_is_refused(self, below: InMemoryStore) -> None:
        put(below, HOME, a=1.0)
        with pytest.raises(InputError, match="optimem copy"):
            sealed(below, OLD)
        assert list(below.scopes()) == [HOME]

    def test_a_refused_store_is_closed(self, path: Path) -> None:
        open_store(str(path), keys=Keyring(OLD)).close()
        with pytest.raises(MissingKeyError):
            open_store(str(path), keys=Keyring(NEW))
        path.with_name(path.name + "-reserve").unlink()
        assert {file.name for file in path.parent.iterdir()} == {path.name}  # no log: closed

    def test_the_second_to_seal_a_store_takes_what_the_first_made(
        self, below: InMemoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = sealed(below, OLD)
        put(first, HOME, a=1.0)
        found = below.get(NAMES_HOME, ["secret"])
        for others in ([], [HOME]):  # of the first, before and after it wrote
            looks = iter([[None], found])
            monkeypatch.setattr(below, "get", lambda scope, keys, looks=looks: next(looks))
            monkeypatch.setattr(below, "scopes", lambda others=others: iter(others))
            second = sealed(below, OLD)
            monkeypatch.undo()
            assert second.get(HOME, ["a"]) == first.get(HOME, ["a"]) != [None]

    def test_a_dropped_user_is_locked_and_the_others_are_not(
        self, below: InMemoryStore, tmp_path: Path
    ) -> None:
        keys = UserKeys(Keyring(OLD), tmp_path)
        store = seal_store(below, keys, owned=False)
        for user in ("ann", "bob", ""):
            store.commit(Scope(user=user, session="s"), [Change("k", WORDS, due=1.0)])
        assert keys.drop("ann")
        ann, bob, nobody = (Scope(user=user, session="s") for user in ("ann", "bob", ""))
        for scope in (bob, nobody):
            assert store.get(scope, ["k"]) == [Entry("k", 1, WORDS)]
        (locked,) = store.get(ann, ["k"])
        assert locked is not None
        assert WORDS not in locked.value
        assert len(store.claim_due(2.0, 9, 1.0)) == 3  # a sweep goes on
        store.commit(ann, [Change("k", b"new")])
        assert store.get(ann, ["k"]) == [Entry("k", 2, b"new")]


class TestWhatLiesBelow:
    SCOPE = Scope(namespace="clinic", user="zoe.miller", session="about-the-vault")
    KEY = "page:0000000000:0000000000:vault"

    def fill(self, store: Store) -> None:
        store.commit(self.SCOPE, [Change(self.KEY, WORDS * 9, due=5.0), Change("id:vault", WORDS)])
        store.commit(self.SCOPE, [Change(self.KEY, WORDS * 8, due=5.0)])
        assert list(store.scopes()) == [self.SCOPE]

    def check(self, held: bytes) -> None:
        assert len(held) > 500
        for word in (b"vault", b"zoe", b"Zoe", b"clinic", b"miller", b"page:", WORDS[:5], OLD):
            assert word not in held

    def test_nothing_shows_in_the_file_and_log_of_sqlite(self, path: Path) -> None:
        store = open_store(path, keys=Keyring(OLD))
        self.fill(store)
        files = [file for file in path.parent.iterdir() if not file.name.endswith("-reserve")]
        assert {file.name.removeprefix(path.name) for file in files} == {"", "-wal", "-shm"}
        self.check(b"".join(file.read_bytes() for file in files))
        store.close()

    def test_nothing_shows_in_the_memory_and_files_of_redis(self, tmp_path: Path) -> None:
        server = RedisServer(tmp_path, "--appendonly", "yes", "--slowlog-log-slower-than", "0")
        try:
            store = open_store(server.url, keys=Keyring(OLD))
            self.fill(store)
            with redis.Redis.from_url(server.url) as client:
                client.save()
                log = repr(client.slowlog_get(999)).encode()
            files = [file for file in tmp_path.rglob("*") if file.is_file()]
            self.check(b"".join(file.read_bytes() for file in files) + log)
            store.close()
        finally:
            server.stop()

    def test_equal_words_are_sealed_differently(self, below: InMemoryStore) -> None:
        store = sealed(below, OLD)
        for scope in (HOME, AWAY):
            store.commit(scope, [Change("a", WORDS), Change("b", WORDS)])
        held = [(s, info.key) for s in below.scopes() for info in below.entries(s)]
        values = [entry and entry.value for s, key in held for entry in below.get(s, [key])]
        assert len(set(values)) == len(values) == 5
        assert len({key for _, key in held}) == 5


class TestForgery:
    def test_what_was_moved_swapped_or_changed_opens_nowhere(self, below: InMemoryStore) -> None:
        store = sealed(below, OLD)
        for scope in (HOME, AWAY):
            store.commit(scope, [Change("a", WORDS), Change("b", b"other")])
        places = [(s, i.key) for s in below.scopes() if s != NAMES_HOME for i in below.entries(s)]
        values = [e.value for s, key in places for e in below.get(s, [key]) if e]
        flipped = bytearray(values[1])
        flipped[40] ^= 1
        for bad in (values[1], values[2], values[3], bytes(flipped), WORDS, b"", values[0][:-1]):
            scope, key = places[0]
            below.commit(scope, [Change(key, bad)])
            found = [e.value for s in (HOME, AWAY) for e in store.get(s, ["a", "b"]) if e]
            assert sorted(found)[:3] != sorted(found)[1:]
            assert sum(value in (WORDS, b"other") for value in found) == 3
            with pytest.raises(FormatError):
                SealedRecord.parse(next(v for v in found if v not in (WORDS, b"other")))

    def test_what_was_written_without_the_key_is_left_out(
        self, below: InMemoryStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = sealed(below, OLD)
        put(store, HOME, a=1.0)
        put(below, AWAY, b=1.0)
        with caplog.at_level(logging.WARNING, "optimem"):
            assert list(store.scopes()) == [HOME]
            assert store.claim_due(9.0, 9, 1.0) == [(HOME, "a")]
        assert "without the key" in caplog.text

    def test_names_that_are_too_long_are_refused(self, below: InMemoryStore) -> None:
        store = sealed(below, OLD)
        put(store, Scope(namespace="n" * 300, user="u" * 400, session="s" * 400), a=1.0)
        assert len(list(store.scopes())) == 1
        with pytest.raises(InputError, match="shorten"):
            put(store, Scope(user="é" * 400, session="s" * 400), a=1.0)


def counts(rotation: KeyRotation) -> tuple[int, ...]:
    return tuple(rotation.model_dump().values())


class TestRotation:
    def test_everything_is_sealed_anew_and_the_old_key_can_go(self, below: InMemoryStore) -> None:
        first = sealed(below, OLD)
        for scope in (HOME, AWAY):
            first.commit(scope, [Change(f"k{n}", b"%d" % n, due=float(n)) for n in range(70)])
        both, looks = sealed(below, NEW, OLD), list[int]()
        assert both.get(HOME, ["k3"]) == [Entry("k3", 1, b"3")]
        assert counts(both.rotate(lambda done, _: looks.append(done))) == (141, 141, 0, 0)
        assert looks == [1, 65, 71, 135, 141]
        assert counts(both.rotate()) == (141, 0, 0, 0)
        last = sealed(below, NEW)
        assert last.get(AWAY, ["k69"]) == [Entry("k69", 2, b"69")]
        assert len(last.peek_due(99.0, 999)) == 140
        with pytest.raises(MissingKeyError):
            sealed(below, OLD)

    def test_what_others_change_and_what_nobody_can_open_is_counted(
        self, below: InMemoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = sealed(below, OLD)
        put(store, HOME, a=1.0, b=2.0, c=3.0)
        rotating = sealed(below, NEW, OLD)
        scope = next(s for s in below.scopes() if s != NAMES_HOME)
        commit, raced = below.commit, list[str]()

        def race(where: Scope, changes: list[Change]) -> None:
            if where == scope and not raced:
                raced.append(changes[0].key)
                commit(scope, [Change(changes[0].key, seal(b"w", OLD, b"elsewhere"))])
            commit(where, changes)

        monkeypatch.setattr(below, "commit", race)
        assert counts(rotating.rotate()) == (4, 3, 0, 1)
        assert counts(rotating.rotate()) == (4, 0, 1, 0)


def test_a_given_store_stays_open(path: Path) -> None:
    given = SQLiteStore(path)
    seal_store(given, Keyring(new_key()), owned=False).close()
    assert list(given.scopes()) == [NAMES_HOME]
    given.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    return folder / "m.db"
