"""What a memory holds and costs, counted from its bytes."""

import pytest

from optimem import InputError, OpticalMemory
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.upkeep.stats import PARTS, memory_stats
from optimem.protocols import Change
from optimem.reports import MemoryStats
from optimem.store.sqlite import SQLiteStore
from optimem.testing import open_memory, plain_codec
from optimem.tiers import Tier
from optimem.turns import Scope, Turn
from tests.memory.factories import NOW, SCOPE, InterruptedStore, own_scopes


@pytest.fixture
def store() -> SQLiteStore:
    """A store with two pages, one of them text, and a tail."""
    store = SQLiteStore(":memory:")
    codec = plain_codec({tier: 3 if tier is Tier.LARGE else 0 for tier in Tier})
    with OpticalMemory.open(store, codec=codec, clock=lambda: NOW) as memory:
        memory.append(SCOPE, Turn(text="q" * 80, id="text"))
        memory.flush(SCOPE)
    with OpticalMemory.open(store, codec=plain_codec(), clock=lambda: NOW) as memory:
        memory.append(SCOPE, Turn(text="y" * 390, id="page"))
        memory.flush(SCOPE)
        memory.append(SCOPE, Turn(text="é" * 10, id="tail"))
    return store


def stats(store: SQLiteStore) -> MemoryStats:
    return memory_stats(ScopeRecords(store, scope) for scope in own_scopes(store))


def test_the_newest_pages_are_told_without_reading_any(store: SQLiteStore) -> None:
    with OpticalMemory.open(store, codec=plain_codec(), clock=lambda: NOW) as memory:
        page, text = memory.newest_pages(SCOPE)
        assert (page.tier, text.tier) == ("large", "text")
        assert (page.turns, page.first, page.last) == (1, NOW, NOW)
        assert memory.newest_pages(SCOPE, 1) == [page]
        assert memory.newest_pages("other") == []
        with pytest.raises(InputError, match="count=0"):
            memory.newest_pages(SCOPE, 0)
        scope = Scope.parse(SCOPE)
        key = store.entries(scope, "page:")[0].key
        (entry,) = store.get(scope, [key])
        assert entry
        store.commit(scope, [Change(key, entry.value[:-1] + b"?")])
        assert memory.newest_pages(SCOPE) == [page]


def test_pages_are_counted_by_tier(store: SQLiteStore) -> None:
    counted = stats(store)
    assert counted.pages_by_tier == {"text": 1, "large": 1}
    assert (counted.scopes, counted.turns, counted.pages) == (1, 3, 2)
    assert (counted.vision_tokens, counted.positions) == (400, 421)  # of the page at Large
    assert counted.text_bytes == 80 + 390 + 20
    assert 0 < counted.zstd_bytes < counted.text_bytes


def test_the_parts_add_up_to_what_is_stored(store: SQLiteStore) -> None:
    counted = stats(store)
    parts = sum(getattr(counted, name) for name in (*PARTS, "other_bytes"))
    assert parts == counted.stored_bytes == store.usage(Scope.parse(SCOPE))
    assert counted.kept_text_bytes > 0
    assert counted.token_bytes == 2 * 391  # two bytes a cell
    assert counted.tail_bytes > 0
    assert counted.index_bytes > 0


def test_every_field_of_bytes_is_a_part_or_a_sum() -> None:
    named = {name for name in MemoryStats.model_fields if name.endswith("_bytes")}
    assert named - set(PARTS) == {"text_bytes", "zstd_bytes", "other_bytes", "stored_bytes"}


def test_scopes_are_counted_together(store: SQLiteStore) -> None:
    one = stats(store)
    with OpticalMemory.open(store, codec=plain_codec(), clock=lambda: NOW - 5) as memory:
        memory.append("elsewhere", "z" * 500)
        memory.flush("elsewhere")
    both = stats(store)
    assert (both.scopes, both.turns, both.pages) == (2, 4, 4)
    assert both.text_bytes == one.text_bytes + 500
    assert both.stored_bytes == sum(store.usage(scope) for scope in own_scopes(store))
    assert one.next_due is not None
    assert both.next_due == one.next_due - 5


def test_what_others_keep_on_the_store_counts_as_other(store: SQLiteStore) -> None:
    before = stats(store)
    store.commit(Scope.parse("items"), [Change("item:/a//b", b"value")])
    after = stats(store)
    assert after.other_bytes == before.other_bytes + len("item:/a//b") + len("value")
    assert after.turns == before.turns


def test_an_empty_memory_costs_nothing() -> None:
    counted = memory_stats([])
    assert counted.next_due is None
    assert counted.pages_by_tier == {}
    assert counted.unreadable == []
    named = {"next_due", "pages_by_tier", "unreadable", "store"}
    counts = counted.model_dump(exclude=named)
    assert set(counts.values()) == {0}


def test_stored_bytes_add_up() -> None:
    with OpticalMemory.open(":memory:", codec=plain_codec(), clock=lambda: NOW) as memory:
        memory.append(SCOPE, ["y" * 390, "z" * 100])
        memory.flush(SCOPE)
        counted = memory.stats()
        assert counted.stored_bytes == memory.store.usage(Scope.parse(SCOPE))
        assert counted.turns == 2
        assert counted.text_bytes == 490


def test_a_page_written_while_it_is_counted_counts_once() -> None:
    store = InterruptedStore()
    with open_memory(store) as memory:
        memory.append(SCOPE, Turn(text="y" * 390, id="page"))
        memory.flush(SCOPE)
        memory.append(SCOPE, Turn(text="z" * 300, id="tail"))
        store.other = lambda: memory.flush(SCOPE)  # behind the listing
        counted = memory.stats()
        assert store.other is None
        assert counted == memory.stats()
        assert (counted.pages, counted.tail_bytes, counted.text_bytes) == (2, 0, 690)
