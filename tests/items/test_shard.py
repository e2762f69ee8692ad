"""A shard: what it reads and writes, entry by entry, and when it gives up."""

import time
from datetime import UTC, datetime

import pytest

from optimem.build import store_at
from optimem.errors import ChecksumError, ConflictError, FormatError
from optimem.items.collection import new_item
from optimem.items.names import Address, MarkName, item_entry_key, shard_scopes
from optimem.items.shard import Item, ItemShard
from optimem.memory.records import scope_records
from optimem.protocols import Change
from tests.items.racing import RacingStore

A, B, C = (Address(("users",), key) for key in "abc")
SECOND = 1_000_000


@pytest.fixture
def shard() -> ItemShard:
    return ItemShard(store_at(":memory:"), shard_scopes("")[0])


def read_one(shard: ItemShard, address: Address = A) -> Item:
    (item,) = shard.read([address])
    assert item is not None
    return item


def test_items_come_in_the_order_asked_for(shard: ItemShard) -> None:
    shard.write({A: new_item({"n": 1}), B: new_item({"n": 2})}, 5 * SECOND)
    items = shard.read([B, C, A, B])
    assert [item and item.value for item in items] == [{"n": 2}, None, {"n": 1}, {"n": 2}]
    assert shard.read([]) == []
    assert read_one(shard).created == datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)


def test_an_item_is_an_entry_and_a_mark_that_are_replaced_and_deleted_together(
    shard: ItemShard,
) -> None:
    keys: list[set[str]] = []
    for now in (1, 2):
        shard.write({A: new_item({"n": now}, ttl=9)}, now)
        keys.append({info.key for info in shard.store.entries(shard.scope)})
        mark = MarkName(A, read_one(shard).head.stamp, has_ttl=True)
        assert keys[-1] == {item_entry_key(A), mark.entry_key}
    assert keys[0] != keys[1]  # each put has a mark of its own
    shard.write({A: None, B: None}, 3)
    assert shard.store.entries(shard.scope) == []


def test_replacing_keeps_the_time_of_creation_unless_the_item_had_expired(
    shard: ItemShard,
) -> None:
    shard.write({A: new_item({}, ttl=10)}, 1 * SECOND)
    shard.write({A: new_item({}, ttl=10)}, 2 * SECOND)
    head = read_one(shard).head
    assert (head.created, head.updated) == (1 * SECOND, 2 * SECOND)
    shard.write({A: new_item({})}, 12 * SECOND)
    assert read_one(shard).head.created == 12 * SECOND


def test_expired_items_are_read_and_only_they_are_removed(shard: ItemShard) -> None:
    shard.write({A: new_item({}, ttl=1), B: new_item({}, ttl=2), C: new_item({})}, 0)
    item = read_one(shard)
    assert item.expires == SECOND
    assert item.is_live(SECOND - 1)
    assert not item.is_live(SECOND)
    assert shard.remove_expired([A, B, C], SECOND - 1) == 0
    assert shard.remove_expired([A, B, C], SECOND) == 1
    assert [item is None for item in shard.read([A, B, C])] == [True, False, False]


def test_touching_restarts_the_time_to_live_and_changes_nothing_else(shard: ItemShard) -> None:
    shard.write({A: new_item({"n": 1}, ttl=10), B: new_item({})}, 0)
    items = [read_one(shard, A), read_one(shard, B)]
    shard.touch(items, 4 * SECOND)
    touched = read_one(shard)
    assert touched.expires == 14 * SECOND
    assert (touched.head, touched.entry) == (items[0].head, items[0].entry)
    assert read_one(shard, B) == items[1]
    shard.touch(items, 5 * SECOND)  # as read before the first touch
    assert read_one(shard).expires == 14 * SECOND
    shard.touch([touched], 4 * SECOND)  # to the time it has: nothing to write
    assert read_one(shard).mark == touched.mark


def test_an_item_that_is_replaced_during_every_read_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scope_records, "PATIENCE", 0.05)
    racing = RacingStore(store_at(":memory:"))
    scope = shard_scopes("")[0]
    other = ItemShard(racing._store, scope)
    shard = ItemShard(racing, scope)  # type: ignore[arg-type]
    other.write({A: new_item({}, ttl=9)}, 1)
    replace = lambda: other.write({A: new_item({}, ttl=9)}, 2)  # noqa: E731
    racing.between_reads = [replace if turn % 2 == 0 else int for turn in range(999)]
    with pytest.raises(ConflictError, match="read again"):
        shard.read([A])
    racing.between_reads = []
    assert read_one(shard).head.updated == 2


def test_values_that_were_swapped_are_not_taken_for_each_other(shard: ItemShard) -> None:
    shard.write({A: new_item({"n": 1}), B: new_item({"n": 2}, ttl=9)}, 5 * SECOND)
    keys = [item_entry_key(A), item_entry_key(B)]
    first, second = shard.store.get(shard.scope, keys)
    assert first
    assert second
    shard.store.commit(shard.scope, [Change(keys[0], second.value), Change(keys[1], first.value)])
    for address in (A, B):
        with pytest.raises(ChecksumError, match="written elsewhere"):
            shard.read([address])


def test_an_item_that_has_lost_its_mark_is_named_at_once(shard: ItemShard) -> None:
    shard.write({A: new_item({"n": 1}, ttl=60.0), B: new_item({"n": 2}, ttl=60.0)}, 5 * SECOND)
    mark = MarkName(A, read_one(shard).head.stamp, True)
    shard.store.commit(shard.scope, [Change(mark.entry_key, None)])
    started = time.monotonic()
    with pytest.raises(FormatError, match=r"mark of .* is lost"):
        shard.read([A, B])
    assert time.monotonic() - started < 5
    assert read_one(shard, B).value == {"n": 2}
