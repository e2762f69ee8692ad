"""langchain-tests' standard suites against our store of bytes, on SQLite and on Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_tests.integration_tests import BaseStoreAsyncTests, BaseStoreSyncTests

from optimem.adapters import OptimemByteStore
from optimem.errors import InputError, ScopeError


class Bytes:
    @pytest.fixture
    def kv_store(self) -> Iterator[OptimemByteStore]:
        with OptimemByteStore.open(":memory:") as store:
            yield store

    @pytest.fixture
    def three_values(self) -> tuple[bytes, bytes, bytes]:
        return b"foo", b"\x00\xff", b""


class TestByteStore(Bytes, BaseStoreSyncTests[bytes]):
    """Sync."""


class TestByteStoreAsync(Bytes, BaseStoreAsyncTests[bytes]):
    """Async."""


class TestByteStoreOnRedis(Bytes, BaseStoreSyncTests[bytes]):
    @pytest.fixture
    def kv_store(self, redis_url: str) -> Iterator[OptimemByteStore]:
        with OptimemByteStore.open(redis_url) as store:
            yield store


def test_keys_are_any_text_and_collections_are_apart(tmp_path: Path) -> None:
    names = ["", "a", "a/b", "a:b", "%", "bytes:", "ü\0"]
    with OptimemByteStore.open(tmp_path / "bytes.db") as store:
        store.mset([(name, name.encode()) for name in names])
    with OptimemByteStore.open(tmp_path / "bytes.db") as store:
        assert sorted(store.yield_keys()) == sorted(names)
        assert list(store.yield_keys(prefix="a")) == ["a", "a/b", "a:b"]
        assert store.mget(names) == [name.encode() for name in names]
        other = OptimemByteStore(store.store, name="other")
        assert list(other.yield_keys()) == []
        other.close()
        assert store.mget(["a"]) == [b"a"]


def test_the_last_of_two_values_counts_and_keys_may_repeat() -> None:
    with OptimemByteStore.open(":memory:") as store:
        store.mset([("k", b"1"), ("k", b"2")])
        assert store.mget(["k", "k"]) == [b"2", b"2"]
        store.mdelete(["k", "k"])
        assert store.mget(["k"]) == [None]


def test_what_is_no_key_and_no_bytes_is_refused() -> None:
    with OptimemByteStore.open(":memory:") as store:
        with pytest.raises(InputError, match="'k' is a str; give bytes"):
            store.mset([("a", b"1"), ("k", "text")])  # type: ignore[list-item]
        with pytest.raises(InputError, match="the key 7 is a int; give a string"):
            store.mget([7])  # type: ignore[list-item]
        assert list(store.yield_keys()) == []
        with pytest.raises(ScopeError, match="cannot name a collection"):
            OptimemByteStore(store.store, name="x" * 600)
