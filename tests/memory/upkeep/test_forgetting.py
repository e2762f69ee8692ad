"""What is forgotten is gone from text, pages, index and queue, and the rest stays."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from optimem import OpticalMemory
from optimem.errors import ConflictError, InputError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.records import scope_records
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.upkeep.forgetting import TurnForgetter, forget_scopes
from optimem.store.sqlite import SQLiteStore
from optimem.testing.pages import CAPACITY, plain_codec
from optimem.tiers import Tier
from optimem.turns import Scope, Turn
from tests.memory.factories import NOW, SCOPE, ContendedStore, memory_scopes, texts


def records_of(memory: OpticalMemory) -> ScopeRecords:
    return ScopeRecords(memory.store, Scope.parse(SCOPE))


def stored(memory: OpticalMemory) -> bytes:
    """All bytes that the plain reader's store holds of a scope."""
    store, scope = memory.store, Scope.parse(SCOPE)
    entries = store.get(scope, [info.key for info in store.entries(scope)])
    return b"".join(entry.value for entry in entries if entry)


def test_forgetting_a_turn_leaves_the_others(memory: OpticalMemory) -> None:
    said = {f"m{i}": f"message {i} " + chr(97 + i) * 150 for i in range(6)}
    memory.append(SCOPE, [Turn(text=text, id=key) for key, text in said.items()])
    memory.flush(SCOPE)
    memory.append(SCOPE, Turn(text="still in the tail", id="t"))
    for gone in ("m0", "m2", "t"):
        receipt = memory.forget(SCOPE, turn=gone)
        assert (receipt.turns, receipt.left) == (1, 0)
    assert texts(memory) == [said[key] for key in ("m1", "m3", "m4", "m5")]
    assert all(turn.exact for turn in memory.reconstruct(SCOPE))
    assert memory.recall(SCOPE, "message 2 " + "c" * 150)[0].id != "m2"
    with pytest.raises(InputError, match="no turn 'm2'"):
        memory.forget(SCOPE, turn="m2")


def test_the_tokens_of_a_forgotten_turn_are_gone(memory: OpticalMemory) -> None:
    memory.append(SCOPE, [Turn(text="h\u0101sh", id="secret"), Turn(text="loud", id="plain")])
    memory.flush(SCOPE)
    secret = "h\u0101sh".encode("utf-16-le")  # as the plain reader keeps its cells
    assert secret in stored(memory)
    memory.forget(SCOPE, turn="secret")
    assert secret not in stored(memory)
    assert texts(memory) == ["loud"]


def test_a_receipt_counts_each_page_once(memory: OpticalMemory) -> None:
    memory.append(SCOPE, [Turn(text=c * 100, id=c) for c in "ab"])
    memory.append(SCOPE, Turn(text="c" * 2 * CAPACITY, id="c"))
    memory.flush(SCOPE)
    assert memory.stats().pages == 3
    receipt = memory.forget(SCOPE, turn="a")
    assert (receipt.turns, receipt.pages, receipt.scopes) == (1, 1, [SCOPE])
    assert receipt.bytes > 0
    receipt = memory.forget(SCOPE, turn="c")  # one page drawn again, two removed
    assert (receipt.pages, memory.stats().pages) == (3, 1)
    receipt = memory.forget(SCOPE, turn="b")
    assert (receipt.pages, memory.stats().pages, receipt.left) == (1, 0, 0)


def test_a_turn_in_the_tail_leaves_the_state_right(memory: OpticalMemory) -> None:
    memory.append(SCOPE, [Turn(text="abc", id="a"), Turn(text="de", id="b")])
    receipt = memory.forget(SCOPE, turn="a")
    assert (receipt.pages, receipt.left) == (0, 0)
    state, _ = records_of(memory).state()
    assert (state.cells, state.next) == (3, 2)
    memory.flush(SCOPE)
    assert texts(memory) == ["de"]


def test_a_turn_partly_on_a_page_and_partly_in_the_tail_is_gone(memory: OpticalMemory) -> None:
    memory.append(SCOPE, [Turn(text="a" * 100, id="a"), Turn(text="long " * 100, id="long")])
    memory.drain()
    assert (memory.stats().pages, len(records_of(memory).chunks())) == (1, 1)
    receipt = memory.forget(SCOPE, turn="long")
    assert (receipt.pages, receipt.left) == (1, 0)
    assert records_of(memory).chunks() == []
    assert records_of(memory).state().record.cells == 0
    assert texts(memory) == ["a" * 100]


def test_a_page_kept_as_text_loses_the_turn_too() -> None:
    codec = plain_codec(dict.fromkeys(Tier, 3))
    with OpticalMemory.open(":memory:", codec=codec, clock=lambda: NOW) as memory:
        memory.append(SCOPE, [Turn(text=c * 50, id=c) for c in "abc"])
        memory.flush(SCOPE)
        assert memory.stats().pages_by_tier == {"text": 1}
        assert memory.forget(SCOPE, turn="b").left == 0
        assert memory.stats().pages_by_tier == {"text": 1}
        assert texts(memory) == ["a" * 50, "c" * 50]
        assert all(turn.exact for turn in memory.reconstruct(SCOPE))


def test_forgetting_a_turn_does_not_break_the_floor() -> None:
    policy = DecayPolicy(floor=0.85)
    codec = plain_codec({Tier.TINY: 10})
    with OpticalMemory.open(":memory:", codec=codec, policy=policy, clock=lambda: NOW) as memory:
        memory.append(SCOPE, [Turn(text=c * 100, id=c) for c in "abc"])
        memory.flush(SCOPE)
        memory.sweep(now=NOW + 40 * DAY)
        assert memory.stats().pages_by_tier == {"tiny": 1}
        memory.forget(SCOPE, turn="a")  # drawn again at Tiny, a fifth would be wrong
        assert memory.stats().pages_by_tier == {"small": 1}


def test_a_page_that_no_tier_keeps_to_the_floor_is_drawn_at_large() -> None:
    policy = DecayPolicy(floor=0.95, write_error=1)
    codec = plain_codec(dict.fromkeys(Tier, 10))
    with OpticalMemory.open(":memory:", codec=codec, policy=policy, clock=lambda: NOW) as memory:
        memory.append(SCOPE, [Turn(text=c * 100, id=c) for c in "ab"])
        memory.flush(SCOPE)
        memory.forget(SCOPE, turn="a")
        assert memory.stats().pages_by_tier == {"large": 1}
        (turn,) = memory.reconstruct(SCOPE)
        assert turn.id == "b"


def test_the_rest_of_a_page_stays_pinned(memory: OpticalMemory) -> None:
    memory.append(SCOPE, [Turn(text=c * 50, id=c) for c in "ab"])
    memory.flush(SCOPE)
    memory.pin(SCOPE, "b")
    memory.forget(SCOPE, turn="a")
    assert memory.store.peek_due(NOW + 9999 * DAY, 9) == []
    memory.forget(SCOPE, turn="b")
    assert memory.store.peek_due(NOW + 9999 * DAY, 9) == []
    assert texts(memory) == []


def test_the_rest_of_a_page_fades_when_the_page_would_have(memory: OpticalMemory) -> None:
    memory.append(SCOPE, [Turn(text=c * 50, id=c) for c in "ab"])
    memory.flush(SCOPE)
    memory.forget(SCOPE, turn="a")
    assert memory.sweep(now=NOW + DAY - 1).moves == []
    (move,) = memory.sweep(now=NOW + DAY).moves
    assert (move.before, move.after) == ("large", "base")


def test_scopes_are_forgotten_whole_and_others_stay(memory: OpticalMemory) -> None:
    for scope in ("a", "b", "c"):
        memory.append(scope, [Turn(text="x" * 500, id="1"), Turn(text="y", id="2")])
        memory.flush(scope)
    gone = [ScopeRecords(memory.store, Scope.parse(scope)) for scope in ("a", "b")]
    used = sum(records.bytes_used() for records in gone)
    receipt = forget_scopes(gone, NOW)
    assert (receipt.scopes, receipt.turns, receipt.pages) == (["a", "b"], 4, 4)
    assert (receipt.bytes, receipt.left) == (used, 0)
    assert receipt.entries == 2 * (2 + 2 + 2 + 2)  # state and stamp, turns, pages and their words
    assert memory_scopes(memory) == ["c"]


def contended() -> tuple[ContendedStore, OpticalMemory]:
    store = ContendedStore()
    memory = OpticalMemory.open(store, codec=plain_codec(), clock=lambda: NOW)
    memory.append(SCOPE, [Turn(text=c * 50, id=c) for c in "ab"])
    return store, memory


def test_a_turn_that_is_put_on_a_page_meanwhile_is_forgotten_there() -> None:
    store, memory = contended()
    store.others = [lambda: memory.flush(SCOPE)]
    receipt = memory.forget(SCOPE, turn="a")
    assert (receipt.pages, receipt.left) == (1, 0)
    assert texts(memory) == ["b" * 50]
    assert records_of(memory).state().record.cells == 0


def test_who_never_gets_to_forget_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope_records, "PATIENCE", 0.05)
    store, memory = contended()
    turns = [Turn(text="", id=f"theirs {n}") for n in range(999)]
    store.others = [partial(memory.append, SCOPE, turn) for turn in turns]
    forgetter = TurnForgetter(records_of(memory), memory.codec, memory.policy, NOW)
    with pytest.raises(ConflictError, match="forget again"):
        forgetter.forget("a")
    assert memory.holds(SCOPE, ["a"]) == [True]


def test_a_receipt_says_where_bytes_may_still_be(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    store = SQLiteStore(path, timeout=0.05)
    memory = OpticalMemory(store, plain_codec(), clock=lambda: NOW, owns_store=True)
    with memory, closing(sqlite3.connect(path, isolation_level=None)) as reader:
        memory.append(SCOPE, [Turn(text="secret", id="a"), Turn(text="plain", id="b")])
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchone()
        for receipt in (memory.forget(SCOPE, turn="a"), memory.forget(SCOPE)):
            assert receipt.left == 0
            assert str(path) in receipt.residue[0]
        reader.execute("COMMIT")
        memory.append(SCOPE, Turn(text="more", id="c"))
        assert memory.forget(SCOPE, turn="c").residue == []
