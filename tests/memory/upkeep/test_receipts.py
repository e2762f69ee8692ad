"""Receipts on real files: what is forgotten is looked for, entry by entry and in the bytes."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from optimem import OpticalMemory
from optimem.errors import InputError
from optimem.memory.decay import DAY
from optimem.memory.records.records import TurnNumber
from optimem.memory.records.scope_records import ScopeRecords
from optimem.protocols import Change, EntryInfo
from optimem.reports import ForgetReceipt
from optimem.testing import InMemoryStore, open_memory
from optimem.turns import Scope, Turn
from tests.memory.factories import NOW, SCOPE, make_page, make_span, put, texts

OTHER = "acme/ann/s2"


def say(memory: OpticalMemory, scope: str, *names: str, time: float | None = None) -> None:
    memory.append(scope, [Turn(text=f"{name} " * 30, id=name, time=time) for name in names])


def records_of(memory: OpticalMemory) -> ScopeRecords:
    return ScopeRecords(memory.store, Scope.parse(SCOPE))


def test_what_is_old_is_forgotten_on_pages_and_in_the_tail(memory: OpticalMemory) -> None:
    say(memory, SCOPE, *"abcdefgh", time=NOW - 9 * DAY)
    say(memory, SCOPE, "new", time=NOW)
    memory.flush(SCOPE)
    say(memory, SCOPE, "late but old", time=NOW - 8 * DAY)
    receipt = memory.forget(SCOPE, before=NOW - 7 * DAY)
    assert (receipt.turns, receipt.left, receipt.residue) == (9, 0, [])
    assert texts(memory) == ["new " * 30]
    assert memory.check().damage == []
    assert memory.append(SCOPE, Turn(text="x", id="a")).forgotten == 1
    assert memory.verify_receipt(receipt).holds
    assert memory.forget(SCOPE, before=NOW - 7 * DAY).turns == 0


def test_a_user_forgets_what_is_old_in_every_session(memory: OpticalMemory) -> None:
    for scope in (SCOPE, OTHER, "acme/bob/s1"):
        say(memory, scope, "old", time=NOW - 9 * DAY)
        say(memory, scope, "new", time=NOW)
    receipt = memory.forget_user("ann", namespace="acme", before=NOW - 7 * DAY)
    assert (receipt.turns, sorted(receipt.scopes)) == (2, [SCOPE, OTHER])
    assert [len(memory.ids(each)) for each in (SCOPE, OTHER, "acme/bob/s1")] == [1, 1, 2]
    assert memory.verify_receipt(ForgetReceipt.model_validate_json(receipt.model_dump_json())).holds


def test_a_turn_and_a_time_exclude_each_other(memory: OpticalMemory) -> None:
    with pytest.raises(InputError, match="one of them"):
        memory.forget(SCOPE, turn="a", before=NOW)


@pytest.mark.parametrize("on_pages", [True, False])
def test_a_receipt_of_a_turn_holds_until_the_turn_is_back(
    memory: OpticalMemory, on_pages: bool
) -> None:
    say(memory, SCOPE, "a", "b")
    if on_pages:
        memory.flush(SCOPE)
    receipt = memory.forget(SCOPE, turn="a")
    checked = memory.verify_receipt(receipt)
    assert (checked.holds, checked.found, checked.residue) == (True, [], [])
    assert checked.entries > 0
    edit = records_of(memory).edit()
    edit.put_turn("a", TurnNumber(0, b""))  # as a store that was restored from a backup
    edit.commit()
    assert [each.scope for each in memory.verify_receipt(receipt).found] == [SCOPE]


def test_a_page_that_came_back_is_found(memory: OpticalMemory) -> None:
    put(records_of(memory), make_page(make_span("a" * 9), accessed=NOW - 5))
    scope = Scope.parse(SCOPE)
    (key,) = (info.key for info in memory.store.entries(scope, "page:"))
    (backup,) = memory.store.get(scope, [key])
    assert backup
    receipt = memory.forget(SCOPE)
    assert memory.verify_receipt(receipt).holds
    memory.store.commit(scope, [Change(backup.key, backup.value)])
    found = memory.verify_receipt(receipt)
    assert (found.holds, [each.entry for each in found.found]) == (False, [backup.key])


def test_what_is_said_later_in_the_same_scope_is_no_finding(memory: OpticalMemory) -> None:
    say(memory, SCOPE, "a")
    memory.flush(SCOPE)
    receipt = memory.forget(SCOPE)
    memory.append(SCOPE, Turn(text="new " * 99, id="n"), now=NOW + 1)
    memory.flush(SCOPE, now=NOW + 1)
    memory.append(SCOPE, Turn(text="newer", id="m"), now=NOW + 2)
    assert memory.verify_receipt(receipt).holds
    memory.readmit(SCOPE)
    memory.append(SCOPE, Turn(text="again", id="a"), now=NOW + 3)
    assert memory.verify_receipt(receipt).holds


def test_what_moves_to_a_page_while_a_receipt_is_checked_is_no_finding() -> None:
    class MovingStore(InMemoryStore):
        """The tail goes to a page once, between a listing and the reading of what was listed."""

        moving = False

        def entries(self, scope: Scope, prefix: str = "") -> list[EntryInfo]:
            found = super().entries(scope, prefix)
            if self.moving and not prefix:
                self.moving = False
                memory.flush(SCOPE, now=NOW + 2)
            return found

    store = MovingStore()
    memory = open_memory(store)
    say(memory, SCOPE, "a")
    receipt = memory.forget(SCOPE)
    memory.append(SCOPE, Turn(text="new " * 99, id="n"), now=NOW + 1)
    store.moving = True
    assert memory.verify_receipt(receipt).found == []
    assert not store.moving
    memory.readmit(SCOPE)
    memory.close()


def test_a_trace_in_the_file_is_residue_until_it_is_purged(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with OpticalMemory.open(path, clock=lambda: NOW) as memory:
        for number in range(40):
            say(memory, SCOPE, f"t{number}")
        say(memory, OTHER, "kept")
        with closing(sqlite3.connect(path)) as careless:  # deletes without overwriting
            careless.execute("PRAGMA secure_delete = OFF")
            careless.execute("DELETE FROM entries WHERE scope = 'acme:ann:s1'")
            careless.commit()
        receipt = memory.forget(SCOPE)
        assert len(receipt.residue) == 1
        assert "`optimem purge` writes it anew" in receipt.residue[0]
        assert not memory.verify_receipt(receipt).holds
        assert memory.purge() == []
        assert memory.verify_receipt(receipt).holds
        assert memory.ids(OTHER) == ["kept"]


def test_turns_forgotten_one_by_one_leave_no_trace_in_the_file(tmp_path: Path) -> None:
    with OpticalMemory.open(tmp_path / "m.db", clock=lambda: NOW) as memory:
        say(memory, SCOPE, *(f"t{number}" for number in range(60)))
        for number in range(0, 60, 7):
            assert memory.forget(SCOPE, turn=f"t{number}").residue == []
