"""A store copied to another: equal bytes, due times, resumption, and what stands in the way."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from optimem import OpticalMemory, copy_store
from optimem.errors import InputError, StoreUnavailableError
from optimem.memory.decay import DAY
from optimem.protocols import Change, Entry, Store
from optimem.store.sqlite import SQLiteStore
from optimem.testing import InMemoryStore, plain_codec
from optimem.turns import Scope, Turn
from tests.memory.factories import NOW, SCOPE

OTHER = "acme/ann/s2"


def held(store: Store) -> dict[Scope, list[tuple[str, bytes, float | None]]]:
    found = {}
    for scope in store.scopes():
        infos = store.entries(scope)
        entries = store.get(scope, [info.key for info in infos])
        found[scope] = [(i.key, e.value, i.due) for i, e in zip(infos, entries, strict=True) if e]
    return found


def filled(store: Store, turns: int = 300) -> OpticalMemory:
    memory = OpticalMemory(store, plain_codec(), clock=lambda: NOW)
    memory.append(SCOPE, [Turn(text=f"turn {n} about bergen", id=f"t{n}") for n in range(turns)])
    memory.flush(SCOPE)
    memory.append(OTHER, ["in the tail", "and forgotten"])
    memory.forget("acme/bob/gone")
    return memory


class FailingStore(InMemoryStore):
    """A store that fails at its `commits`-th commit."""

    commits = 3

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        self.commits -= 1
        if self.commits == 0:
            raise StoreUnavailableError("the line is cut")
        super().commit(scope, changes)


class BusyStore(InMemoryStore):
    """A store to which others write while it is read."""

    writes = 3

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        if self.writes and len(keys) > 1:
            self.writes -= 1
            super().commit(scope, [Change("head", b"%d" % self.writes), Change("new", b"x")])
        return super().get(scope, keys)


def test_everything_is_equal_and_found_again(tmp_path: Path) -> None:
    source, path = InMemoryStore(), tmp_path / "copy.db"
    memory = filled(source)
    report = copy_store(source, str(path))
    assert (report.left, report.copied) == ([], report.entries)
    assert copy_store(source, str(path)).copied == 0
    with OpticalMemory.open(path, codec=plain_codec(), clock=lambda: NOW) as copy:
        assert held(copy.store) == held(source)
        assert [t.text for t in copy.reconstruct(SCOPE)] == [
            t.text for t in memory.reconstruct(SCOPE)
        ]
        assert copy.recall(SCOPE, "turn 77")[0].id == "t77"
        assert len(copy.sweep(now=NOW + 2 * DAY).moves) == memory.stats().pages
        assert copy.append(SCOPE, Turn(text="turn 1 about bergen", id="t1")).duplicates == 1


def test_an_interrupted_copy_is_no_whole_scope_and_goes_on() -> None:
    source, target = InMemoryStore(), FailingStore()
    filled(source)
    with pytest.raises(StoreUnavailableError):
        copy_store(source, target)
    assert target.get(Scope.parse(SCOPE), ["head"]) == [None]
    report = copy_store(source, target)
    assert 0 < report.copied < report.entries
    assert held(target) == held(source)


def test_what_the_target_holds_is_left_or_replaced() -> None:
    source, target = InMemoryStore(), InMemoryStore()
    memory = filled(source)
    copy_store(source, target)
    memory.append(SCOPE, "later")
    memory.forget(SCOPE, turn="t5")
    left = copy_store(source, target).left
    assert len(left) == 1
    assert "holds something else" in left[0]
    assert copy_store(source, target, replace=True).left == []
    assert held(target) == held(source)


def test_what_was_forgotten_in_the_target_does_not_come_back() -> None:
    source, target = InMemoryStore(), InMemoryStore()
    filled(source, 10)
    copy_store(source, target)
    memory = OpticalMemory(target, plain_codec(), clock=lambda: NOW)
    memory.forget(SCOPE)
    before = held(target)
    (left,) = copy_store(source, target).left
    assert "forgotten in the target" in left
    assert held(target) == before
    memory.readmit(SCOPE)
    assert copy_store(source, target).left == []
    assert held(target) == held(source)


def test_what_was_forgotten_in_the_source_is_named_or_forgotten_too() -> None:
    source, target = InMemoryStore(), InMemoryStore()
    memory = filled(source, 10)
    copy_store(source, target)
    memory.forget(SCOPE)
    (left,) = copy_store(source, target).left
    assert left.startswith(f"{SCOPE}: it was forgotten in the source")
    assert copy_store(source, target, replace=True).left == []
    assert held(target) == held(source)


def test_scopes_without_a_state_are_left_too() -> None:
    """Items, and the tombstones of what only the target has forgotten."""
    source, target, scope = InMemoryStore(), InMemoryStore(), Scope(session="00", user="items")
    InMemoryStore.commit(source, scope, [Change("a", b"1"), Change("b", b"1")])
    InMemoryStore.commit(target, scope, [Change("b", b"1")])
    assert copy_store(source, target).left == []  # a part of a copy
    InMemoryStore.commit(target, scope, [Change("b", b"2"), Change("c", b"2")])
    before = held(target)
    (left,) = copy_store(source, target).left
    assert "holds something else" in left
    assert held(target) == before


def test_what_is_written_meanwhile_is_copied_too() -> None:
    source, target = BusyStore(), InMemoryStore()
    for key in ("head", "page:1"):
        InMemoryStore.commit(source, Scope(session="s"), [Change(key, b"1")])
    assert copy_store(source, target).left == []
    assert held(target) == held(source)
    assert source.writes == 0


def test_nothing_and_other_secrets_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to copy"):
        copy_store(InMemoryStore(), InMemoryStore())
    source, target = InMemoryStore(), SQLiteStore(":memory:")
    filled(source)
    filled(target)
    with pytest.raises(InputError, match="a secret of its own"):
        copy_store(source, target)
