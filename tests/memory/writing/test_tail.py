"""Turns as text, before they are on a page."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from optimem import OpticalMemory
from optimem.errors import ConflictError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.records import scope_records
from optimem.memory.records.records import Position, ScopeState
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.writing.tail import CHUNK, append_turns, chunk_cells, without_chunks
from optimem.reports import AppendReport
from optimem.testing.pages import PlainRenderer, plain_codec
from optimem.turns import Scope, Turn
from tests.memory.factories import NOW, SCOPE, ContendedStore, make_chunk


def append(
    records: ScopeRecords, *turns: Turn, now: float = NOW
) -> tuple[AppendReport, ScopeState]:
    policy = DecayPolicy(forget_after=365 * DAY)
    return append_turns(records, turns, PlainRenderer(), policy, now)


def test_append_counts_a_turn_once(memory: OpticalMemory) -> None:
    turn = Turn(text="hello", id="m1", time=NOW)
    assert memory.append(SCOPE, [turn, turn]).added == 1
    assert memory.append(SCOPE, turn).duplicates == 1
    memory.flush(SCOPE)
    assert memory.append(SCOPE, turn).added == 0
    assert [turn.text for turn in memory.reconstruct(SCOPE)] == ["hello"]


def test_a_short_memory_pays_for_no_page(memory: OpticalMemory) -> None:
    memory.append(SCOPE, "short")
    memory.drain()
    stats = memory.stats(SCOPE)
    assert (stats.pages, stats.token_bytes) == (0, 0)
    assert stats.tail_bytes > 0
    assert memory.recall(SCOPE, "short")[0].tier == "tail"


def test_turns_are_numbered_and_kept_with_what_is_known_of_them(records: ScopeRecords) -> None:
    append(records, Turn(text="one", id="a", role="tool", time=3.0), Turn(text="two", id="b"))
    append(records, Turn(text="three", id="c"), now=NOW + 1)
    assert records.turn_numbers(["c", "a", "x", "b"]) == [2, 0, None, 1]
    one, two, three = records.chunks()
    assert (one.position, one.role, one.turn, one.time) == (Position(0, 0), "tool", "a", 3.0)
    assert (two.time, two.appended, two.text) == (NOW, NOW, "two")
    assert (three.time, three.ends, three.pinned) == (NOW + 1, True, False)


def test_the_state_counts_cells_and_turns(records: ScopeRecords) -> None:
    report, state = append(records, Turn(text="abc"), Turn(text="", id="empty"))
    assert (report.added, report.duplicates) == (2, 0)
    assert (state.next, state.tail, state.cells) == (2, Position(0, 0), 3 + 1 + 1)
    assert state.appended == NOW
    report, again = append(records, Turn(text="", id="empty"))
    assert (report.added, report.duplicates) == (0, 1)
    assert again == state == records.state().record


def test_a_long_turn_is_several_chunks(records: ScopeRecords) -> None:
    text = "".join(chr(97 + i % 26) for i in range(2 * CHUNK + 5))
    _, state = append(records, Turn(text=text, id="long"))
    chunks = records.chunks()
    assert [chunk.position for chunk in chunks] == [Position(0, n * CHUNK) for n in range(3)]
    assert "".join(chunk.text for chunk in chunks) == text
    assert [chunk.ends for chunk in chunks] == [False, False, True]
    assert state.cells == len(text) + 1  # one role mark
    assert sum(len(chunk_cells(chunk, PlainRenderer())) for chunk in chunks) == state.cells


def test_text_in_the_tail_is_due_when_it_is_to_be_forgotten(records: ScopeRecords) -> None:
    append(records, Turn(text="old"))
    assert [key for _, key in records.store.peek_due(NOW + 365 * DAY - 1, 9)] == []
    assert len(records.store.peek_due(NOW + 365 * DAY, 9)) == 1


def test_a_state_without_chunks_is_another_one() -> None:
    state = ScopeState(5, Position(2, 0), 100, 7.0, "epoch")
    chunks = [make_chunk("abc", 3), make_chunk("de", 4, offset=9)]
    less = without_chunks(state, chunks, PlainRenderer())
    assert (less.cells, less.next, less.tail) == (100 - 4 - 2, 5, Position(2, 0))
    assert less.epoch not in ("", "epoch")


def test_a_scope_that_is_begun_again_is_another_one(records: ScopeRecords) -> None:
    _, first = append(records, Turn(text="a"))
    records.clear()
    _, again = append(records, Turn(text="a"))
    assert first.epoch != again.epoch


def contended(times: int) -> ScopeRecords:
    """A scope to which others append a turn before each of the first commits."""
    store = ContendedStore()
    records = ScopeRecords(store, Scope.parse(SCOPE))
    turns = [Turn(text="theirs", id=f"theirs {number}") for number in range(times)]
    store.others = [partial(append, records, turn) for turn in turns]
    return records


def test_who_loses_a_race_appends_after_the_winner() -> None:
    records = contended(3)
    report, state = append(
        records, Turn(text="mine", id="mine"), Turn(text="theirs", id="theirs 0")
    )
    assert (report.added, report.duplicates) == (1, 1)  # the other won with the same turn
    assert (state.next, state.cells) == (4, 3 * 7 + 5)
    assert [chunk.text for chunk in records.chunks()] == ["theirs"] * 3 + ["mine"]


def test_who_never_gets_its_turn_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope_records, "PATIENCE", 0.05)
    records = contended(999)
    with pytest.raises(ConflictError, match="append again"):
        append(records, Turn(text="mine", id="mine"))
    assert records.turn_numbers(["mine"]) == [None]


def test_eight_writers_on_one_scope_all_get_their_turn(tmp_path: Path) -> None:
    with OpticalMemory.open(tmp_path / "m.db", codec=plain_codec()) as memory:

        def write(writer: int) -> int:
            turns = [Turn(text=f"{writer} {n}", id=f"{writer} {n}") for n in range(25)]
            return sum(memory.append(SCOPE, turn).added for turn in turns)

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(write, range(8))) == 200
        found = [turn.id for turn in memory.reconstruct(SCOPE)]
        assert len(found) == len(set(found)) == 200
        for writer in range(8):
            theirs = [id for id in found if id.startswith(f"{writer} ")]
            assert theirs == [f"{writer} {n}" for n in range(25)]
