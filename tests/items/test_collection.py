"""Collections: search, races that lose nothing, and the thread that removes expired items."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from optimem.build import store_at
from optimem.errors import ConflictError, InputError, StoreUnavailableError
from optimem.items.collection import Collection, ItemQuery, Sweeper, new_item
from optimem.items.names import ITEMS, MARKS, Address, MarkName
from optimem.memory.records import scope_records
from tests.items.racing import RacingStore

A, B = Address(("users", "ann"), "a"), Address(("users", "ann"), "b")
MINUTE = 60.0

SOON = 0.001
PATIENCE = 20.0


class Both:
    """A collection, and somebody else's on the same store, who acts first."""

    def __init__(self) -> None:
        self.racing = RacingStore(store_at(":memory:"))
        self.mine = Collection(self.racing)  # type: ignore[arg-type]  # passes on what it is not
        self.other = Collection(self.racing._store)

    def put(self, who: Collection, value: Any, now: float, ttl: float | None = None) -> None:
        who.write({A: new_item({"v": value}, [["v"]], ttl)}, now)

    def first(self, *acts: Callable[[], None]) -> None:
        """What the other does, one act before each of my commits."""
        self.racing.before_commit = list(acts)

    def value(self, now: float) -> Any:
        (item,) = self.other.get([A], now)
        return item and item.value["v"]

    def check(self) -> None:
        """Every item has its one mark, and every mark its item."""
        for scope in self.racing._store.scopes():
            infos = self.racing._store.entries(scope)
            marks = [MarkName.parse(i.key).address for i in infos if i.key.startswith(MARKS)]
            items = [info.key for info in infos if info.key.startswith(ITEMS)]
            assert sorted(items) == sorted(f"{ITEMS}/users/ann//{mark.key}" for mark in marks)
            assert all(info.due is None for info in infos)


@pytest.fixture
def both() -> Both:
    return Both()


def replace_it(both: Both, ttl: float | None = None) -> Callable[[], None]:
    """Delete the item and put another: its entry has version 1 again."""

    def act() -> None:
        both.other.write({A: None}, 2.0)
        both.put(both.other, "theirs", 2.0, ttl)

    return act


def test_a_put_comes_after_what_got_in_between(both: Both) -> None:
    both.put(both.mine, "old", 1.0)
    both.first(lambda: both.put(both.other, "theirs", 2.0), replace_it(both))
    both.put(both.mine, "mine", 3.0)
    (item,) = both.mine.get([A], 3.0)
    assert item is not None
    assert item.value == {"v": "mine"}
    assert item.created.timestamp() == 2.0
    assert item.updated.timestamp() == 3.0
    both.check()


@pytest.mark.parametrize("ttl", [None, MINUTE])
def test_a_put_sees_that_an_item_is_another_of_the_same_version(
    both: Both, ttl: float | None
) -> None:
    both.put(both.mine, "old", 1.0, ttl)
    both.first(replace_it(both, ttl))
    both.put(both.mine, "mine", 3.0)
    (item,) = both.mine.get([A], 3.0)
    assert item is not None
    assert (item.value["v"], item.created.timestamp()) == ("mine", 2.0)
    both.check()


def test_an_item_that_is_deleted_between_two_looks_is_gone(both: Both) -> None:
    both.put(both.mine, "old", 1.0, MINUTE)
    both.racing.between_reads = [lambda: both.other.write({A: None}, 2.0)]
    assert both.mine.get([A], 2.0) == [None]


def test_a_first_put_does_not_overwrite_unseen(both: Both) -> None:
    both.first(lambda: both.put(both.other, "theirs", 2.0))
    both.put(both.mine, "mine", 3.0)
    (item,) = both.mine.get([A], 3.0)
    assert item is not None
    assert (item.value["v"], item.created.timestamp()) == ("mine", 2.0)
    both.check()


@pytest.mark.parametrize("ttl", [None, 5 * MINUTE])
def test_touching_never_changes_what_was_put_meanwhile(both: Both, ttl: float | None) -> None:
    both.put(both.mine, "old", 1.0, MINUTE)
    (item,) = both.mine.get([A], 1.5)
    assert item is not None
    both.first(replace_it(both, ttl))
    both.mine.touch([item], 30.0)
    assert both.value(2.0 + 4 * MINUTE) == "theirs"
    assert (both.value(2.0 + 5 * MINUTE) is None) is (ttl is not None)
    both.check()


def test_one_lost_race_does_not_keep_others_from_being_touched(both: Both) -> None:
    both.mine.write({each: new_item({"v": 1}, ttl=MINUTE) for each in (A, B)}, 1.0)
    items = [item for item in both.mine.get([A, B], 1.0) if item]
    both.first(lambda: both.other.write({A: None}, 2.0))
    both.mine.touch(items, 30.0)
    assert [bool(item) for item in both.other.get([A, B], 80.0)] == [False, True]
    both.check()


@pytest.mark.parametrize("ttl", [None, 9 * MINUTE])
def test_sweeping_never_removes_what_was_put_meanwhile(both: Both, ttl: float | None) -> None:
    both.mine.write({each: new_item({"v": 1}, ttl=MINUTE) for each in (A, B)}, 1.0)
    both.first(replace_it(both, ttl))
    assert both.mine.sweep(90.0) == 1
    assert both.value(90.0) == "theirs"
    both.check()


def test_what_is_touched_meanwhile_is_not_swept(both: Both) -> None:
    both.put(both.mine, "kept", 1.0, MINUTE)
    (item,) = both.mine.get([A], 60.9)
    assert item is not None
    both.first(lambda: both.other.touch([item], 60.9))
    assert both.mine.sweep(61.0) == 0
    assert both.value(61.0) == "kept"


def test_an_item_that_changes_between_two_looks_is_looked_at_again(both: Both) -> None:
    both.put(both.mine, "old", 1.0, MINUTE)
    both.racing.between_reads = [replace_it(both, MINUTE)]
    (item,) = both.mine.get([A], 2.0)
    assert item is not None
    assert item.value == {"v": "theirs"}


def test_a_search_leaves_out_what_goes_meanwhile(both: Both) -> None:
    both.put(both.mine, "tea", 1.0)
    both.racing.between_reads = [lambda: both.other.write({A: None}, 2.0)]
    assert both.mine.search(ItemQuery(("users",), "tea"), 2.0) == []


def test_a_writer_that_never_gets_its_turn_says_so(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope_records, "PATIENCE", 0.05)
    both.first(*[lambda: both.put(both.other, "theirs", 2.0)] * 999)
    with pytest.raises(ConflictError, match="put again"):
        both.put(both.mine, "mine", 3.0)


def test_marks_that_were_read_are_not_read_again(both: Both) -> None:
    both.mine.write({each: new_item({"v": "tea"}, [["v"]]) for each in (A, B)}, 1.0)
    assert len(both.mine.search(ItemQuery(("users",), "tea", limit=1), 2.0)) == 1
    reads: list[int] = []
    both.racing.between_reads = [lambda: reads.append(1)] * 9
    assert len(both.mine.search(ItemQuery(("users",), "tea", limit=1), 2.0)) == 1
    assert len(reads) == 1  # the item itself


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), 1e300])
def test_a_time_to_live_is_positive(ttl: float) -> None:
    with pytest.raises(InputError, match="cannot live"):
        new_item({}, ttl=ttl)


def test_times_limits_and_namespaces_are_checked(both: Both) -> None:
    with pytest.raises(InputError, match="is not a time"):
        both.mine.get([A], float("nan"))
    with pytest.raises(InputError, match="offset=-1"):
        both.mine.search(ItemQuery((), offset=-1), 1.0)
    with pytest.raises(InputError, match="is not a namespace"):
        both.mine.write({Address((), "k"): None}, 1.0)


def test_a_sweeper_goes_on_after_an_error_until_it_is_stopped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    enough, calls = threading.Event(), list[int]()

    def sweep() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise StoreUnavailableError("the server is gone")
        enough.set()
        return 1

    sweeper = Sweeper(sweep)
    with caplog.at_level(logging.ERROR, "optimem"):
        ended = sweeper.start(SOON)
        assert enough.wait(PATIENCE)
    assert "the server is gone" in caplog.text
    assert sweeper.stop(PATIENCE)
    assert ended.result(PATIENCE) is None
    count = len(calls)
    assert sweeper.stop()
    assert len(calls) == count


def test_cancelling_the_future_stops_a_sweeper_and_it_can_start_again() -> None:
    started = threading.Event()

    def sweep() -> int:
        started.set()
        return 0

    sweeper = Sweeper(sweep)
    assert sweeper.start(3600.0).cancel()
    assert sweeper.stop(PATIENCE)
    sweeper.start(SOON)
    assert started.wait(PATIENCE)
    assert sweeper.stop(PATIENCE)


def test_a_sweeping_interval_is_positive() -> None:
    with pytest.raises(InputError, match="cannot sweep every 0 s"):
        Sweeper(lambda: 0).start(0)
