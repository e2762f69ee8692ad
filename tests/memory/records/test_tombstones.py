"""What was forgotten stays forgotten, whoever appends it again, until it is readmitted."""

from pathlib import Path

import pytest

from optimem import OpticalMemory
from optimem.errors import ScopeError
from optimem.items.collection import Collection, new_item
from optimem.items.names import Address
from optimem.memory.records.records import EntryKind
from optimem.memory.records.tombstones import FORGOTTEN
from optimem.protocols import EntryInfo
from optimem.reports import AppendReport
from optimem.testing import FakeImageReader, InMemoryStore, open_memory, plain_codec
from optimem.turns import Scope, Turn
from tests.memory.factories import NOW, SCOPE, ContendedStore, InterruptedStore, texts

LATE = AppendReport(added=0, duplicates=0, forgotten=1)


def test_a_forgotten_turn_is_not_stored_again_until_it_is_readmitted(
    memory: OpticalMemory,
) -> None:
    turns = [Turn(text="secret", id="s"), Turn(text="plain", id="p"), Turn(text="ok", id="o")]
    memory.append(SCOPE, turns)
    memory.forget(SCOPE, turn="s")
    assert memory.append(SCOPE, turns) == AppendReport(added=0, duplicates=2, forgotten=1)
    assert memory.append(SCOPE, turns[0]) == LATE
    assert texts(memory) == ["plain", "ok"]
    assert memory.readmit(SCOPE, turn="s") == 1
    assert memory.append(SCOPE, turns[0]).added == 1
    assert memory.readmit(SCOPE, turn="s") == 0


@pytest.mark.parametrize("turn", ["secret", Turn(text="secret", time=NOW), Turn(text="", id="m")])
def test_a_forgotten_scope_does_not_take_its_turns_again(
    memory: OpticalMemory, turn: Turn | str
) -> None:
    memory.append(SCOPE, turn)
    assert memory.forget(SCOPE).left == 0
    assert memory.append(SCOPE, turn) == LATE
    assert texts(memory) == []
    assert memory.append(SCOPE, Turn(text="new")).added == 1
    assert memory.readmit(SCOPE) == 1
    assert memory.append(SCOPE, turn).added == 1


def test_a_turn_forgotten_before_its_scope_stays_so(memory: OpticalMemory) -> None:
    memory.append(SCOPE, [Turn(text="a", id="a"), Turn(text="b", id="b")])
    memory.forget(SCOPE, turn="a")
    memory.forget(SCOPE)
    memory.forget(SCOPE)
    assert memory.append(SCOPE, [Turn(text="a", id="a")]) == LATE
    assert memory.readmit(SCOPE) == 2


def test_a_late_writer_with_turns_of_before_is_left_out(memory: OpticalMemory) -> None:
    memory.append(SCOPE, Turn(text="a", id="a"))
    memory.forget(SCOPE)
    assert memory.append(SCOPE, Turn(text="in flight", id="b", time=NOW - 5)) == LATE
    assert memory.append(SCOPE, Turn(text="after", id="c", time=NOW + 5)).added == 1


def test_an_append_that_meets_a_forget_leaves_nothing_of_before() -> None:
    """The scope is forgotten between what the append reads and its commit."""
    store = ContendedStore()
    with OpticalMemory.open(store, codec=plain_codec(), clock=lambda: NOW) as memory:
        memory.append(SCOPE, Turn(text="secret", id="s"))
        store.others = [lambda: memory.forget(SCOPE)]
        report = memory.append(SCOPE, [Turn(text="secret", id="s"), Turn(text="new", id="n")])
        assert (report.added, report.forgotten) == (1, 1)
        assert texts(memory) == ["new"]


def test_a_page_that_is_drawn_or_fades_meanwhile_brings_nothing_back() -> None:
    store = InterruptedStore()
    with open_memory(store) as memory:
        memory.append(SCOPE, [Turn(text="x" * 500, id="x"), Turn(text="y", id="y")])
        memory.flush(SCOPE)
        store.other = lambda: memory.forget(SCOPE)
        memory.sweep(now=NOW + 99 * 86_400)
        assert memory.stats(SCOPE).stored_bytes == 0
        assert memory.append(SCOPE, Turn(text="y", id="y")) == LATE


def test_a_forgotten_image_is_not_stored_again(tmp_path: Path) -> None:
    scan = tmp_path / "a.png"
    scan.write_bytes(b"scan")
    with open_memory(images=FakeImageReader()) as memory:
        memory.append_file(SCOPE, scan)
        memory.forget(SCOPE)
        assert memory.append_file(SCOPE, scan).forgotten > 0
        assert memory.stats(SCOPE).stored_bytes == 0


class ForgettingStore(InMemoryStore):
    """A store in which somebody forgets a turn while the turns of its scope are listed."""

    meanwhile = staticmethod(lambda: None)

    def entries(self, scope: Scope, prefix: str = "") -> list[EntryInfo]:
        found = super().entries(scope, prefix)
        if prefix == EntryKind.TURN.prefix:
            self.meanwhile()
        return found


def test_a_turn_may_be_forgotten_as_its_scope_is() -> None:
    store = ForgettingStore()
    memory = open_memory(store)
    memory.append(SCOPE, [Turn(text="secret", id="s"), Turn(text="plain", id="p")])

    def forget_turn() -> None:
        store.meanwhile = lambda: None
        memory.forget(SCOPE, turn="s")

    store.meanwhile = forget_turn
    assert memory.forget(SCOPE).left == 0
    assert memory.append(SCOPE, Turn(text="secret", id="s")) == LATE


def test_tombstones_name_neither_scopes_nor_turns(memory: OpticalMemory) -> None:
    memory.append("acme/ann/monday", Turn(text="secret", id="ann-77"))
    memory.forget("acme/ann/monday")
    (scope,) = memory.store.scopes()
    keys = [info.key for info in memory.store.entries(scope)]
    assert scope.namespace == FORGOTTEN
    assert not any(word in f"{scope}{keys}" for word in ("monday", "ann-77"))
    assert memory.stats().scopes == 0


def test_a_memory_cannot_touch_the_scopes_of_items(memory: OpticalMemory) -> None:
    items = Collection(memory.store)
    address = Address(("users", "ann"), "a")
    items.write({address: new_item({"v": 1})}, 1.0)
    for scope in memory.store.scopes():
        for given in (scope, str(scope)):
            with pytest.raises(ScopeError, match="kept for items"):
                memory.forget(given)
    with pytest.raises(ScopeError, match="kept for items"):
        memory.forget_user("", namespace="optimem.items")
    assert items.get([address], 2.0)[0] is not None


@pytest.mark.parametrize("session", ["optimem.items//00", "a/b/c", "100%", "%2F", "%252F/%"])
def test_a_scope_is_written_so_that_it_is_read_again(session: str) -> None:
    for scope in (Scope(session=session), Scope(session=session, user=session, namespace="n")):
        assert Scope.parse(str(scope)) == scope
