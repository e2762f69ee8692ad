"""Commits to Redis with large values, which go beside the script: all of it or nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from optimem.errors import ConflictError, FormatError, StoreFullError, StoreUnavailableError
from optimem.protocols import Change, Entry
from optimem.store.arguments import scope_tag
from optimem.store.redis import RedisStore
from optimem.store.redis_client import RedisConnection
from optimem.store.redis_commit import RedisCommit
from optimem.store.redis_layout import scope_keys
from tests.store.scopes import HOME

KEYS = scope_keys(scope_tag(HOME))
LARGE = 20_000


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    store = RedisStore(redis_url)
    yield store
    store.close()


def large(letter: str) -> bytes:
    return letter.encode() * LARGE


def test_large_and_small_values_are_set_replaced_and_deleted(
    store: RedisStore, client: redis.Redis
) -> None:
    store.commit(HOME, [Change("a", large("a"), 0, due=5.0), Change("b", b"", 0)])
    store.commit(HOME, [Change("b", large("b"), 1, due=3.0), Change("a", None, 1)])
    store.commit(HOME, [Change("c", large("c")), Change("b", b"small", 2)])
    assert store.get(HOME, ["a", "b", "c"]) == [
        None, Entry("b", 3, b"small"), Entry("c", 1, large("c")),
    ]  # fmt: skip
    assert [(info.key, info.size, info.due) for info in store.entries(HOME)] == [
        ("b", 5, None), ("c", LARGE, None),
    ]  # fmt: skip
    assert store.usage(HOME) == 1 + 5 + 1 + LARGE
    assert not client.exists(KEYS.open)


def test_a_conflict_leaves_nothing_of_large_values(store: RedisStore, client: redis.Redis) -> None:
    store.commit(HOME, [Change("a", large("a"))])
    with pytest.raises(ConflictError, match="'a' has version 1, expected 0"):
        store.commit(HOME, [Change("a", large("x"), 0), Change("b", large("y"))])
    assert store.get(HOME, ["a", "b"]) == [Entry("a", 1, large("a")), None]
    assert not client.exists(KEYS.open)


def test_a_commit_that_is_repeated_counts_once(store: RedisStore, client: redis.Redis) -> None:
    connection = RedisConnection(None, client, 5.0)
    store.commit(HOME, [Change("a", large("a"))])  # announced, and the server knows the script
    commit = RedisCommit(connection, scope_tag(HOME), [Change("a", large("b"))])
    assert [commit.attempt(b""), commit.attempt(b"")] == [[b"done"], [b"done"]]
    assert store.get(HOME, ["a", "b"]) == [Entry("a", 2, large("b")), None]
    assert not client.exists(KEYS.open)


def test_a_server_that_forgot_the_scripts(store: RedisStore, client: redis.Redis) -> None:
    store.commit(HOME, [Change("a", large("a"))])
    client.script_flush()
    store.commit(HOME, [Change("b", large("b"), 0)])
    assert store.get(HOME, ["a", "b"]) == [Entry("a", 1, large("a")), Entry("b", 1, large("b"))]
    assert not client.exists(KEYS.open)


def test_a_full_server_takes_what_shrinks_a_scope(store: RedisStore, client: redis.Redis) -> None:
    store.commit(HOME, [Change("a", 2 * large("a")), Change("b", b"b")])
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(StoreFullError, match="maxmemory"):
            store.commit(HOME, [Change("b", large("b"))])
        store.commit(HOME, [Change("a", large("A"))])
    finally:
        client.config_set("maxmemory", "0")
    assert store.get(HOME, ["a", "b"]) == [Entry("a", 2, large("A")), Entry("b", 1, b"b")]
    assert store.usage(HOME) == LARGE + 3


def test_a_lost_part_is_named_by_readers_and_writers(
    store: RedisStore, client: redis.Redis
) -> None:
    store.commit(HOME, [Change("a", large("a")), Change("b", large("b"))])
    client.hdel(KEYS.values, "a")
    for act in (
        lambda: store.get(HOME, ["a", "b"]),
        lambda: store.get(HOME, ["a"]),
        lambda: store.commit(HOME, [Change("c", large("c"))]),
    ):
        with pytest.raises(FormatError, match="lost a part"):
            act()
    assert client.hkeys(KEYS.values) == [b"b"]
    assert not client.exists(KEYS.open)


def test_more_entries_than_lua_passes_to_a_command(store: RedisStore) -> None:
    keys = [f"k{number}" for number in range(9000)]
    for value in (b"v", b"12"):  # by the script alone, then beside it
        store.commit(HOME, [Change(key, value, due=1.0) for key in keys])
    assert [entry and entry.version for entry in store.get(HOME, keys)] == [2] * len(keys)
    assert len(store.peek_due(now=2, limit=10_000)) == len(keys)
    store.commit(HOME, [Change(key, None, 2) for key in keys])
    assert store.entries(HOME) == []


def test_writers_of_large_values_lose_no_increment(redis_url: str) -> None:
    def increment(_: int) -> None:
        store = RedisStore(redis_url)
        for _ in range(10):
            while not added(store):
                pass
        store.close()

    def added(store: RedisStore) -> bool:
        entry, other = store.get(HOME, ["count", "other"])
        count, version = (int(entry.value[LARGE:]), entry.version) if entry else (0, 0)
        assert (other.version if other else 0) == version  # both of one moment
        try:
            store.commit(HOME, [
                Change("count", large("c") + b"%d" % (count + 1), version),
                Change("other", large("o")),
            ])  # fmt: skip
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment, range(4)))
    store = RedisStore(redis_url)
    (entry,) = store.get(HOME, ["count"])
    assert entry
    assert (int(entry.value[LARGE:]), entry.version) == (40, 40)
    store.close()


def test_a_server_without_its_replicas_is_named_and_nothing_of_the_command(
    store: RedisStore, client: redis.Redis
) -> None:
    store.commit(HOME, [Change("a", b"a")])
    client.config_set("min-replicas-to-write", "1")
    try:
        for value in (b"small", large("b")):
            with pytest.raises(StoreUnavailableError, match="refuses writes: ") as refused:
                store.commit(HOME, [Change("a", value)])
            assert "EVALSHA" not in str(refused.value)
    finally:
        client.config_set("min-replicas-to-write", "0")
    assert store.get(HOME, ["a"]) == [Entry("a", 1, b"a")]
