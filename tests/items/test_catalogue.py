"""The catalogue: which items there are, which have expired, and how they rank, by marks alone."""

import pytest

from optimem.build import store_at
from optimem.items import catalogue as module
from optimem.items.catalogue import Catalogue, ItemRef
from optimem.items.collection import new_item
from optimem.items.names import Address, MarkName, Namespace, shard_scopes
from optimem.items.serialization import ItemMark
from optimem.items.shard import ItemShard
from optimem.memory.recall.retrieval import index_page
from optimem.memory.records.word_secret import word_secret
from optimem.protocols import Store
from optimem.testing import InMemoryStore
from tests.items.racing import RacingStore

SECOND = 1_000_000
SCOPE = shard_scopes("")[0]


@pytest.fixture
def store() -> Store:
    return store_at(":memory:")


def put(store: Store, namespace: Namespace, key: str, text: str, ttl: float | None = None) -> None:
    item = new_item({"text": text}, [["text"]], ttl)
    ItemShard(store, SCOPE).write({Address(namespace, key): item}, 0)


def keys(refs: list[ItemRef]) -> set[str]:
    return {ref.name.address.key for ref in refs}


def test_items_are_listed_below_whole_labels(store: Store) -> None:
    for namespace in (("a",), ("a", "b"), ("ab",), ("a", "b", "c"), ("b",)):
        put(store, namespace, "/".join(namespace), "")
    catalogue = Catalogue(store)
    assert keys(catalogue.live(SCOPE, (), 1)) == {"a", "a/b", "ab", "a/b/c", "b"}
    assert keys(catalogue.live(SCOPE, ("a",), 1)) == {"a", "a/b", "a/b/c"}
    assert keys(catalogue.live(SCOPE, ("a", "b"), 1)) == {"a/b", "a/b/c"}
    assert keys(catalogue.live(SCOPE, ("c",), 1)) == set()
    assert keys(catalogue.live(shard_scopes("other")[0], (), 1)) == set()


def test_an_item_is_live_or_expired(store: Store) -> None:
    put(store, ("n",), "soon", "", ttl=1)
    put(store, ("n",), "late", "", ttl=2)
    put(store, ("n",), "never", "")
    catalogue = Catalogue(store)
    for now, expired in (
        (SECOND - 1, set()),
        (SECOND, {"soon"}),
        (2 * SECOND, {"soon", "late"}),
    ):
        assert keys(catalogue.expired(SCOPE, now)) == expired
        assert keys(catalogue.live(SCOPE, (), now)) == {"soon", "late", "never"} - expired


def test_items_rank_by_their_words_and_equals_keep_their_order(store: Store) -> None:
    texts = {"one": "green tea", "two": "tea", "three": "green green green tea", "four": "coffee"}
    for key, text in {**texts, "five": "tea"}.items():
        put(store, ("n",), key, text)
    catalogue = Catalogue(store)
    refs = sorted(catalogue.live(SCOPE, (), 1), key=lambda ref: ref.name.address.key)
    for order in (refs, refs[::-1]):
        ranked = catalogue.ranked(order, "green tea")
        assert [ref.name.address.key for ref, _ in ranked][:2] == ["three", "one"]
        equals = [ref for ref in order if ref.name.address.key in ("two", "five")]
        assert [ref for ref, _ in ranked][2:] == equals
        scores = [score for _, score in ranked]
        assert scores == sorted(scores, reverse=True)
        assert scores[2] == scores[3] > 0
    assert catalogue.ranked(refs, "milk") == []


def test_marks_are_read_once_in_batches_and_again_when_they_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BATCH", 4)
    racing = RacingStore(store_at(":memory:"))
    for number in range(10):
        put(racing._store, ("n",), f"{number}", "", ttl=9)
    assert word_secret(racing)  # type: ignore[arg-type]
    reads: list[int] = []
    racing.between_reads = [lambda: reads.append(1)] * 99
    catalogue = Catalogue(racing)  # type: ignore[arg-type]
    for _ in range(2):
        assert len(catalogue.live(SCOPE, (), 1)) == 10
        assert len(reads) == 3  # of 4, 4 and 2 marks
    shard = ItemShard(racing._store, SCOPE)
    shard.touch([item for item in shard.read([Address(("n",), "0")]) if item], SECOND)
    assert keys(catalogue.live(SCOPE, (), 9 * SECOND)) == {"0"}
    assert len(reads) == 4


def test_a_mark_that_goes_after_it_was_listed_is_left_out() -> None:
    racing = RacingStore(store_at(":memory:"))
    put(racing._store, ("n",), "kept", "tea")
    put(racing._store, ("n",), "gone", "tea")
    catalogue = Catalogue(racing)  # type: ignore[arg-type]
    refs = catalogue.live(SCOPE, (), 1)
    ItemShard(racing._store, SCOPE).write({Address(("n",), "gone"): None}, 1)
    assert keys([ref for ref, _ in catalogue.ranked(refs, "tea")]) == {"kept"}


def test_an_item_is_found_among_more_than_two_bytes_count(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (MarkName(Address(("n",), f"{number:05d}"), "", False) for number in range(65_536))
    needle = ItemRef(SCOPE, MarkName(Address(("n",), "needle"), "", False), 1)
    refs = [*(ItemRef(SCOPE, name, 1) for name in names), needle]
    plain, wanted = (ItemMark(None, index_page([(0, text)])) for text in ("common", "needle"))
    monkeypatch.setattr(
        Catalogue, "_fetch", lambda self, refs: {r: wanted if r == needle else plain for r in refs}
    )
    ((found, _),) = Catalogue(InMemoryStore()).ranked(refs, "needle")
    assert found == needle
