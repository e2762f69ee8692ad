"""OptimemStore with an embedding model, as LangGraph's stores take one, beside InMemoryStore."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langgraph.store.base import PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from optimem.adapters import OptimemStore
from optimem.errors import InputError
from optimem.testing import ManualClock

ANN = ("users", "ann")
NOBODY = "qqq"
"""A word that no item holds."""


def letters(texts: Sequence[str]) -> list[list[float]]:
    """How often each letter occurs."""
    return [[text.lower().count(chr(97 + at)) + 0.01 for at in range(26)] for text in texts]


async def async_letters(texts: Sequence[str]) -> list[list[float]]:
    return letters(texts)


class Asymmetric(Embeddings):
    """Embeds a query as what it is asked for: here, its letters one further on."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return letters(texts)

    def embed_query(self, text: str) -> list[float]:
        return letters(["".join(chr(ord(char) + 1) for char in text)])[0]


INDEX: Any = {"embed": letters, "dims": 26, "fields": ["text"]}


@pytest.fixture
def store() -> Iterator[OptimemStore]:
    with OptimemStore.from_conn_string(":memory:", index=INDEX) as opened:
        opened.setup()
        yield opened


def keys(hits: Sequence[Any]) -> list[str]:
    return [hit.key for hit in hits]


# --- as InMemoryStore -------------------------------------------------------------------------

TEXTS = st.text("abcxyz ", min_size=1, max_size=12)
PUTS = st.builds(
    PutOp,
    st.sampled_from([("a",), ("a", "b"), ("c",)]),
    st.sampled_from(["k", "l", "m"]),
    st.none()
    | st.fixed_dictionaries({}, optional={"text": TEXTS, "tags": st.lists(TEXTS, unique=True)}),
    st.none() | st.just(False) | st.just(["tags[*]"]),
    st.none(),
)
SEARCHES = st.tuples(st.sampled_from([(), ("a",), ("a", "b")]), st.text("abcxyz", min_size=1))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(PUTS, max_size=5), max_size=4), st.lists(SEARCHES, max_size=4))
def test_scores_are_those_of_langgraph(batches: list[list[Any]], searches: list[Any]) -> None:
    """Queries of letters that are no word of an item: nothing but the cosine counts."""
    oracle = InMemoryStore(index=INDEX)
    with OptimemStore.open(":memory:", index=INDEX) as store:
        for batch in batches:
            store.batch(batch)
            for last in {(op.namespace, op.key): op for op in batch}.values():
                oracle.delete(last.namespace, last.key)  # it would keep vectors of the old value
                oracle.batch([last])
        for namespace, query in searches:
            query += NOBODY
            theirs = {(i.namespace, i.key): i.score
                      for i in oracle.search(namespace, query=query, limit=99)}  # fmt: skip
            ours = store.search(namespace, query=query, limit=99)
            assert {(i.namespace, i.key) for i in ours} == set(theirs)
            for item in ours:
                expected = theirs[item.namespace, item.key]
                assert (item.score is None) == (expected is None)
                assert item.score == pytest.approx(expected, abs=0.02)
            scores = [item.score for item in ours if item.score is not None]
            assert scores == sorted(scores, reverse=True)


def test_the_nearest_of_several_vectors_counts(store: OptimemStore) -> None:
    store.put(ANN, "many", {"tags": ["kkk", "mm nn"]}, index=["tags[*]"])
    store.put(ANN, "one", {"tags": ["kkk mm nn"]}, index=["tags[*]"])
    found = store.search(ANN, query="nnmm")
    assert keys(found) == ["many", "one"]
    assert found[0].score == pytest.approx(1, abs=0.01)


# --- meaning and words ------------------------------------------------------------------------


def test_words_lift_what_is_as_near(store: OptimemStore) -> None:
    store.put(ANN, "anagram", {"text": "port 6543 gasting"})
    store.put(ANN, "word", {"text": "port 6543 staging"})
    hits = store.search(ANN, query="staging")
    assert keys(hits) == ["word", "anagram"]
    assert hits[1].score < hits[0].score <= 1
    again = store.search(ANN, query="staging", filter={"text": "port 6543 gasting"})
    assert again[0].score == pytest.approx(hits[1].score)


def test_an_item_without_vectors_is_found_by_its_words(store: OptimemStore) -> None:
    store.put(ANN, "near", {"text": "aaab"})
    store.put(ANN, "silent", {"text": "aaab"}, index=False)
    store.put(ANN, "other", {"note": "aaab"})
    hits = store.search(ANN, query="aaab")
    assert keys(hits) == ["near", "other", "silent"]
    assert [hit.score is None for hit in hits] == [False, True, True]
    pages = [store.search(ANN, query="aaab", limit=1, offset=n) for n in range(4)]
    assert [keys(page) for page in pages] == [["near"], ["other"], ["silent"], []]


def test_queries_are_embedded_as_queries() -> None:
    index: Any = {"embed": Asymmetric(), "dims": 26}
    with OptimemStore.open(":memory:", index=index) as store:
        store.put(ANN, "asked for", {"t": "bbbbbbbbbbbbbbbb"})
        store.put(ANN, "same", {"t": "aaaaaaaaaaaaaaaa"})
        assert keys(store.search(ANN, query="aaa"))[0] == "asked for"


def test_another_models_vectors_are_never_compared(tmp_path: Any) -> None:
    place = tmp_path / "items.db"
    other: Any = {"embed": DeterministicFakeEmbedding(size=26), "dims": 26, "fields": ["text"]}
    with OptimemStore.open(place, index=INDEX) as store:
        store.put(ANN, "k", {"text": "green tea"})
        assert store.search(ANN, query=NOBODY)[0].score is not None
    with OptimemStore.open(place, index=other) as store:
        assert store.search(ANN, query=NOBODY)[0].score is None
        assert store.search(ANN, query="tea")[0].score == pytest.approx(0.5)
        store.put(ANN, "k", {"text": "green tea"})
        assert store.search(ANN, query=NOBODY)[0].score is not None
    with OptimemStore.open(place) as store:
        assert store.search(ANN, query="tea")[0].value == {"text": "green tea"}


def test_an_item_that_lives_on_keeps_its_vectors() -> None:
    clock = ManualClock()
    with OptimemStore.open(":memory:", index=INDEX, clock=clock) as store:
        store.put(ANN, "k", {"text": "green tea"}, ttl=1)
        clock.now += 30
        assert store.get(ANN, "k")
        clock.now += 40
        assert store.search(ANN, query=NOBODY)[0].score is not None
        clock.now += 100
        assert store.search(ANN, query=NOBODY) == []
        assert store.sweep_ttl() == 1


# --- sync, async, two at once -----------------------------------------------------------------


async def test_an_async_model_serves_async_calls() -> None:
    index: Any = {"embed": async_letters, "dims": 26}
    async with OptimemStore.from_conn_string(":memory:", index=index) as store:
        await store.setup()
        await store.aput(ANN, "k", {"text": "tea"})
        results = await store.abatch([SearchOp(ANN, query="eat"), PutOp(ANN, "l", {"text": "x"})])
        assert keys(results[0]) == ["k"]  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="async"):
            store.put(ANN, "m", {"text": "tea"})
        assert await store.aget(ANN, "m") is None


def test_each_text_of_a_batch_is_embedded_once() -> None:
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> list[list[float]]:
        asked.extend(texts)
        return letters(texts)

    index: Any = {"embed": embed, "dims": 26, "fields": ["text"]}
    with OptimemStore.open(":memory:", index=index) as store:
        store.put(ANN, "first", {"text": "one"})
        asked.clear()
        store.batch([PutOp(ANN, str(n), {"text": "same"}) for n in range(5)])
        assert asked == ["same"]
        store.batch([PutOp(ANN, "1", None), PutOp(ANN, "2", {"text": "same"}, index=False)])
        assert asked == ["same"]


def test_two_processes_call_one_model_by_one_name(redis_url: str) -> None:
    stores = [OptimemStore.open(redis_url, index=INDEX) for _ in range(4)]
    threads = [
        threading.Thread(target=store.put, args=(ANN, str(n), {"text": "tea"}))
        for n, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    scores = [hit.score for hit in stores[0].search(ANN, query=NOBODY)]
    assert len(scores) == 4
    assert None not in scores
    for store in stores:
        store.close()


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({}, "needs 'embed' and 'dims'"),
        ({"embed": letters}, "needs 'embed' and 'dims'"),
        ({"embed": letters, "dims": "26"}, "needs 'embed' and 'dims'"),
        ({"embed": letters, "dims": 0}, "dims=0 is not the size"),
    ],
)
def test_a_configuration_that_cannot_be_used(index: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        OptimemStore.open(":memory:", index=index)


@pytest.mark.parametrize(
    ("embed", "message"),
    [(lambda texts: letters(texts)[1:], "0 vectors for|1 vectors for 2"),
     (lambda texts: [[1.0] * 5 for _ in texts], "of 5 values, not 26")],
)  # fmt: skip
def test_a_model_that_answers_wrongly_writes_nothing(embed: Any, message: str) -> None:
    with OptimemStore.open(":memory:", index={"embed": embed, "dims": 26}) as store:
        with pytest.raises(InputError, match=message):
            store.put(ANN, "k", {"text": "tea"})
        assert store.get(ANN, "k") is None
