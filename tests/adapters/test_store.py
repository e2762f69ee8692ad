"""OptimemStore beside LangGraph's InMemoryStore: the same operations, the same results, on SQLite
and on a plain Redis server; then expiry, words, other writers, a memory on the same store."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)

from optimem import OpticalMemory
from optimem.adapters import OptimemStore
from optimem.errors import InputError
from optimem.items.names import HOME
from optimem.testing import ManualClock, plain_codec
from optimem.turns import Scope
from tests.adapters.langgraph_oracle import BATCHES, agree, fields
from tests.servers import RedisServer

ANN = ("users", "ann")
DAY = 86_400.0


def shards(store: OptimemStore) -> list[Scope]:
    """The scopes that hold items."""
    return [scope for scope in store.store.scopes() if scope.namespace == HOME]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "items.db")
    return str(request.getfixturevalue("redis_url"))


@pytest.fixture
def store(clock: ManualClock) -> Iterator[OptimemStore]:
    with OptimemStore.open(":memory:", clock=clock) as opened:
        yield opened


# --- the same results -------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(BATCHES)
def test_sqlite_agrees_with_langgraph(batches: list[list[Any]]) -> None:
    clock = ManualClock()
    with OptimemStore.open(":memory:", clock=clock) as store:
        agree(store, clock, batches)


@settings(max_examples=15, deadline=None)
@given(batches=BATCHES)
def test_redis_agrees_with_langgraph(redis_server: RedisServer, batches: list[list[Any]]) -> None:
    clock = ManualClock()
    with OptimemStore.open(redis_server.url, name=uuid4().hex, clock=clock) as store:
        agree(store, clock, batches)


def test_a_batch_reads_before_it_writes_and_the_last_put_counts(store: OptimemStore) -> None:
    store.put(ANN, "k", {"v": 0})
    results = store.batch(
        [PutOp(ANN, "k", {"v": 1}), GetOp(ANN, "k"), PutOp(ANN, "k", {"v": 2}), SearchOp(ANN)]
    )
    assert results[0] is None
    assert fields(results[1]) == (ANN, "k", {"v": 0})
    assert [item.value for item in results[3]] == [{"v": 0}]
    item = store.get(ANN, "k")
    assert item is not None
    assert item.value == {"v": 2}


def test_everything_is_there_when_opened_again(url: str) -> None:
    value = {"text": "Größe 漢字 " * 40, "n": [1, 2.5, None, True], "d": {"e": {}}}
    with OptimemStore.open(url) as store:
        store.put(ANN, "k", value, ttl=60)
        before = store.get(ANN, "k", refresh_ttl=False)
    with OptimemStore.open(url) as store:
        assert store.get(ANN, "k") == before
        assert store.search((), query="Größe")[0].value == value
        with OptimemStore.open(url, name="other") as other:
            assert other.search(()) == []


def test_times_are_kept_as_postgres_keeps_them(store: OptimemStore, clock: ManualClock) -> None:
    store.put(ANN, "k", {"v": 1})
    first = clock.now
    clock.now += 0.123456
    store.put(ANN, "k", {"v": 2})
    item = store.get(ANN, "k")
    assert item is not None
    assert item.created_at.timestamp() == first
    assert item.updated_at.timestamp() == pytest.approx(first + 0.123456, abs=1e-6)
    assert item.created_at.tzinfo is not None
    store.delete(ANN, "k")
    store.put(ANN, "k", {"v": 3})
    item = store.get(ANN, "k")
    assert item is not None
    assert item.created_at == item.updated_at


async def test_async_twins(store: OptimemStore) -> None:
    await store.aput(ANN, "k", {"text": "tea"})
    item = await store.aget(ANN, "k")
    assert fields(item) == (ANN, "k", {"text": "tea"})
    assert [fields(hit) for hit in await store.asearch(ANN, query="tea")] == [fields(item)]
    assert await store.alist_namespaces(prefix=("users",)) == [ANN]
    await store.adelete(ANN, "k")
    assert await store.aget(ANN, "k") is None


# --- what is refused --------------------------------------------------------------------------


def test_what_cannot_be_kept_is_refused_before_anything_is_written(store: OptimemStore) -> None:
    with pytest.raises(InputError, match=r"\$\.b\[0\] is a set"):
        store.batch([PutOp(ANN, "good", {"a": 1}), PutOp(ANN, "bad", {"b": [{1}]})])
    assert store.search(()) == []
    with pytest.raises(InputError, match="cannot live -60"):
        store.put(ANN, "k", {}, ttl=-1)
    with pytest.raises(InputError, match="or None if it never expires"):
        store.put(ANN, "k", {}, ttl=1e300)
    with pytest.raises(InputError, match=r"'\$in' is not a filter operator"):
        store.search(ANN, filter={"a": {"$in": [1]}})
    with pytest.raises(InputError, match="limit=-1"):
        store.search(ANN, limit=-1)
    with pytest.raises(InputError, match="str is not an operation"):
        store.batch(["get"])  # type: ignore[list-item]
    store.put(ANN, "k", {})
    with pytest.raises(InputError, match="match type 'infix' is unknown"):
        store.batch([ListNamespacesOp((MatchCondition("infix", ("a",)),))])  # type: ignore[arg-type]


@pytest.mark.parametrize("namespace", [(), ("a.b",), ("",), ("a", 1), ("langgraph",), ("a\0",)])
def test_namespaces_that_langgraph_forbids(store: OptimemStore, namespace: Any) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.put(namespace, "k", {})
    if namespace and namespace != ("langgraph",):
        with pytest.raises(InvalidNamespaceError):
            store.batch([GetOp(namespace, "k")])


# --- words ------------------------------------------------------------------------------------


def keys(hits: list[Any]) -> list[str]:
    return [hit.key for hit in hits]


def test_a_query_ranks_and_others_follow_without_a_score(
    store: OptimemStore, clock: ManualClock
) -> None:
    texts = {"old": "a bicycle", "tea": "Ann drinks green tea, tea, tea",
             "both": "tea and coffee in the canteen on Monday", "new": "a car"}  # fmt: skip
    for key, text in texts.items():
        clock.now += 1
        store.put(ANN, key, {"text": text})
    hits = store.search(("users",), query="Who drinks tea?")
    assert keys(hits) == ["tea", "both", "new", "old"]
    assert [hit.score is None for hit in hits] == [False, False, True, True]
    assert hits[0].score > hits[1].score > 0
    assert keys(store.search(("users",), query="Who drinks tea?", limit=2, offset=1)) == [
        "both",
        "new",
    ]
    fitting = store.search(("users",), query="tea", filter={"text": {"$ne": hits[0].value["text"]}})
    assert keys(fitting) == ["both", "new", "old"]
    assert store.search(("nobody",), query="tea") == []


def test_words_are_those_of_the_fields_asked_for(clock: ManualClock) -> None:
    with OptimemStore.open(":memory:", fields=["text", "tags[*]"], clock=clock) as store:
        store.put(ANN, "default", {"text": "green", "tags": ["tea"], "note": "secret"})
        store.put(ANN, "named", {"text": "green", "note": "secret"}, index=["note"])
        store.put(ANN, "none", {"text": "green", "note": "secret"}, index=False)

        def found(query: str) -> list[str]:
            return sorted(hit.key for hit in store.search(ANN, query=query) if hit.score)

        assert found("green") == found("tea") == ["default"]
        assert found("secret") == ["named"]
        store.put(ANN, "named", {"text": "changed"})
        assert found("secret") == []
        assert found("changed") == ["named"]


# --- expiry -----------------------------------------------------------------------------------


def test_what_has_expired_is_gone_before_it_is_swept(url: str, clock: ManualClock) -> None:
    with OptimemStore.open(url, clock=clock) as store:
        store.put(ANN, "k", {"text": "tea"}, ttl=1)
        store.put(("kept",), "k", {"text": "tea"})
        clock.now += 59.9
        assert store.get(ANN, "k", refresh_ttl=False)
        clock.now += 0.1
        assert store.get(ANN, "k") is None
        assert [hit.namespace for hit in store.search(())] == [("kept",)]
        assert [hit.namespace for hit in store.search((), query="tea")] == [("kept",)]
        assert store.list_namespaces() == [("kept",)]
        assert store.sweep_ttl() == 1
        assert store.sweep_ttl() == 0
        assert sum(len(store.store.entries(scope)) for scope in shards(store)) == 2


def test_reading_lets_an_item_live_on_unless_told_not_to(
    store: OptimemStore, clock: ManualClock
) -> None:
    for key in ("got", "found", "peeked", "seen"):
        store.put((key,), key, {"text": key}, ttl=1)
    clock.now += 30
    assert store.get(("got",), "got")
    assert store.search(("found",))
    assert store.get(("peeked",), "peeked", refresh_ttl=False)
    assert store.search(("seen",), refresh_ttl=False)
    clock.now += 40
    assert store.list_namespaces() == [("found",), ("got",)]
    assert store.sweep_ttl() == 2


def test_the_configuration_gives_the_defaults(clock: ManualClock) -> None:
    ttl = {"default_ttl": 2.0, "refresh_on_read": False}
    with OptimemStore.open(":memory:", ttl=ttl, clock=clock) as store:  # type: ignore[arg-type]
        store.put(ANN, "default", {})
        store.put(ANN, "kept", {}, ttl=None)
        store.put(ANN, "short", {}, ttl=1)
        clock.now += 90
        assert sorted(keys(store.search(ANN))) == ["default", "kept"]
        clock.now += 60
        assert keys(store.search(ANN)) == ["kept"]


def test_an_expired_item_that_is_put_again_is_a_new_one(
    store: OptimemStore, clock: ManualClock
) -> None:
    store.put(ANN, "k", {"v": 1}, ttl=1)
    clock.now += DAY
    store.put(ANN, "k", {"v": 2})
    item = store.get(ANN, "k")
    assert item is not None
    assert item.created_at == item.updated_at
    assert store.sweep_ttl() == 0
    store.put(ANN, "k", {"v": 3}, ttl=1)
    store.put(ANN, "k", {"v": 4})
    clock.now += DAY
    assert store.get(ANN, "k")


def test_a_sweeper_runs_until_the_store_is_closed(clock: ManualClock) -> None:
    store = OptimemStore.open(":memory:", ttl={"sweep_interval_minutes": 1}, clock=clock)
    store.put(ANN, "k", {}, ttl=1)
    clock.now += DAY
    ended = store.start_ttl_sweeper(0.0001)
    deadline = threading.Event()
    for _ in range(2000):
        if not shards(store):
            break
        deadline.wait(0.01)
    assert not shards(store)
    store.close()
    assert ended.result(20) is None
    assert store.stop_ttl_sweeper()


# --- others -----------------------------------------------------------------------------------


def test_two_writers_lose_nothing(url: str) -> None:
    names = ("one", "two")

    def write(name: str) -> None:
        with OptimemStore.open(url) as store:
            for number in range(12):
                store.put(ANN, f"{name}-{number}", {"by": name})
                store.put(ANN, "shared", {"by": name, "number": number})

    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with OptimemStore.open(url) as store:
        hits = {hit.key: hit.value for hit in store.search(ANN, limit=99)}
        assert hits.pop("shared")["number"] == 11
        assert hits == {f"{name}-{i}": {"by": name} for name in names for i in range(12)}
        (scope,) = shards(store)
        assert len(store.store.entries(scope)) == 2 * 25


def test_a_memory_on_the_same_store_is_undisturbed(url: str, clock: ManualClock) -> None:
    with OpticalMemory.open(url, codec=plain_codec(), clock=clock) as memory:
        memory.append("acme/ann/s1", ["The port is 6543."] * 3 + ["x" * 900])
        memory.flush("acme/ann/s1")
        before, due = memory.stats(), memory.store.peek_due(clock.now + 9 * DAY, 99)
        store = OptimemStore(memory.store, clock=clock)
        store.put(ANN, "k", {"text": "port"}, ttl=1)
        store.put(("acme", "ann"), "s1", {"text": "port"})
        after = memory.stats()
        same = {"turns", "pages", "vision_tokens", "text_bytes", "index_bytes", "next_due"}
        assert before.model_dump(include=same) == after.model_dump(include=same)
        assert after.stored_bytes > before.stored_bytes
        assert memory.store.peek_due(clock.now + 9 * DAY, 99) == due
        report = memory.sweep(now=clock.now + 9 * DAY)
        assert report.unreadable == []
        assert report.moves
        assert [hit.text for hit in memory.recall("acme/ann/s1", "port", k=1)]
        assert memory.forget("acme/ann/s1").left == 0
        assert memory.forget_user("ann", namespace="acme").entries == 0
        assert sorted(keys(store.search(()))) == ["k", "s1"]
        store.close()
        assert any(memory.store.scopes())
