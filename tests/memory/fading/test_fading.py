"""Fading on a real SQLite store, with a reader whose losses are known."""

from collections.abc import Callable
from pathlib import Path

import pytest

from optimem import OpticalMemory
from optimem.errors import FingerprintError, InputError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.fading.fading import BATCH
from optimem.protocols import Change
from optimem.testing.pages import CAPACITY, PlainModel, plain_codec
from optimem.tiers import Tier
from optimem.turns import Scope, Turn
from tests.memory.factories import NOW, SCOPE, ContendedStore, texts


def fading_memory(lost: dict[Tier, int], **policy: float) -> OpticalMemory:
    reader = plain_codec(lost)
    return OpticalMemory.open(
        ":memory:", codec=reader, policy=DecayPolicy(**policy), clock=lambda: NOW
    )


def while_drawing(memory: OpticalMemory, other: Callable[[], object]) -> None:
    """Let somebody else in while the next page is drawn."""
    reader = memory.codec.encoder
    assert isinstance(reader, PlainModel)
    encode = reader.encode

    def interrupted(*given: object) -> object:
        reader.encode = encode  # type: ignore[method-assign]
        other()
        return encode(*given)  # type: ignore[arg-type]

    reader.encode = interrupted  # type: ignore[method-assign, assignment]


def test_pages_fade_with_age_and_mark_what_is_lost() -> None:
    with fading_memory({Tier.TINY: 20}) as memory:
        memory.append(SCOPE, "w" * 300)
        memory.flush(SCOPE)
        assert memory.sweep(now=NOW + 3600).moves == []
        moves = memory.sweep(now=NOW + 2 * DAY).moves
        assert [(move.before, move.after) for move in moves] == [("large", "base")]
        memory.sweep(now=NOW + 40 * DAY)
        (turn,) = memory.reconstruct(SCOPE, now=NOW + 40 * DAY)
        assert turn.tier == "tiny"
        assert not turn.exact
        assert turn.text.count("\ufffd") == 15
        assert turn.text.replace("\ufffd", "") == "w" * 285


def test_exact_values_survive_fading() -> None:
    with fading_memory({Tier.TINY: 7}, floor=0.5) as memory:
        memory.append(SCOPE, "the key is 8f3a-99b2-771c and the port 15432 for it " * 4)
        memory.flush(SCOPE)
        memory.sweep(now=NOW + 40 * DAY)
        (turn,) = memory.reconstruct(SCOPE)
        assert turn.tier == "tiny"
        assert turn.text.count("8f3a-99b2-771c") == 4
        assert turn.text.count("15432") == 4
        assert memory.stats().correction_bytes > 0


def test_the_floor_keeps_a_page_sharp() -> None:
    with fading_memory({Tier.TINY: 4, Tier.TRACE: 3}, floor=0.9) as memory:
        memory.append(SCOPE, "w" * 300)
        memory.flush(SCOPE)
        memory.sweep(now=NOW + 400 * DAY)
        assert memory.stats().pages_by_tier == {"small": 1}
        assert memory.sweep(now=NOW + 401 * DAY).kept == 0


def test_dry_run_changes_and_claims_nothing() -> None:
    with fading_memory({}) as memory:
        memory.append(SCOPE, "w" * 300)
        memory.flush(SCOPE)
        before = memory.stats()
        planned = memory.sweep(now=NOW + 8 * DAY, dry_run=True)
        assert memory.stats() == before
        assert memory.sweep(now=NOW + 8 * DAY).moves == planned.moves != []


def test_pinned_turns_never_fade_until_unpinned() -> None:
    with fading_memory({}) as memory:
        memory.append(SCOPE, Turn(text="w" * 300, id="keep"))
        memory.pin(SCOPE, "keep")
        memory.flush(SCOPE)
        assert memory.sweep(now=NOW + 400 * DAY).moves == []
        memory.unpin(SCOPE, "keep")
        assert [move.after for move in memory.sweep(now=NOW + 400 * DAY).moves] == ["trace"]


def test_recall_refreshes() -> None:
    with fading_memory({}) as memory:
        memory.append(SCOPE, "the red lantern " * 20)
        memory.flush(SCOPE)
        memory.recall(SCOPE, "lantern", now=NOW + 0.9 * DAY)
        assert memory.sweep(now=NOW + 1.5 * DAY).moves == []
        assert len(memory.sweep(now=NOW + 2 * DAY).moves) == 1


def test_old_pages_are_forgotten_when_the_policy_says_so() -> None:
    with fading_memory({}, forget_after=365 * DAY) as memory:
        memory.append(SCOPE, Turn(text="w" * 300, id="old"))
        memory.flush(SCOPE)
        moves = memory.sweep(now=NOW + 366 * DAY).moves
        assert [move.after for move in moves] == [None]
        assert texts(memory) == []
        assert memory.append(SCOPE, Turn(text="w", id="old")).added == 1


def test_a_clock_that_goes_backwards_fades_nothing() -> None:
    with fading_memory({}) as memory:
        memory.append(SCOPE, "w" * 300)
        memory.flush(SCOPE)
        assert memory.sweep(now=NOW - 1000 * DAY).moves == []
        (hit,) = memory.recall(SCOPE, "w" * 300, now=NOW - 1000 * DAY)
        assert hit.age == 0


def test_another_encoders_pages_are_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with OpticalMemory.open(path, codec=plain_codec(), clock=lambda: NOW) as memory:
        memory.append(SCOPE, "x" * 500)
        memory.flush(SCOPE)
    other = plain_codec()
    assert isinstance(other.decoder, PlainModel)
    other.decoder.fingerprint = "plain-2"
    with OpticalMemory.open(path, codec=other, clock=lambda: NOW) as memory:
        report = memory.sweep(now=NOW + 100 * DAY)
        assert len(report.unreadable) == 2
        assert "plain-1" in report.unreadable[0].reason
        assert memory.sweep(now=NOW + 100 * DAY).unreadable == []  # not at every sweep
        with pytest.raises(FingerprintError):
            memory.reconstruct(SCOPE)
    with OpticalMemory.open(path, codec=plain_codec(), clock=lambda: NOW) as memory:
        assert texts(memory) == ["x" * 500]


def test_one_damaged_page_does_not_stop_the_others() -> None:
    with fading_memory({}) as memory:
        for i in range(4):
            memory.append(SCOPE, f"{i} " + "w" * 380)
        memory.flush(SCOPE)
        store, scope = memory.store, Scope.parse(SCOPE)
        key = [info.key for info in store.entries(scope, "page:")][1]
        (entry,) = store.get(scope, [key])
        assert entry
        damaged = entry.value[:-3] + b"xyz"
        store.commit(scope, [Change(key, damaged, due=NOW)])
        report = memory.sweep(now=NOW + 2 * DAY)
        assert [lost.entry for lost in report.unreadable] == [key]
        assert len(report.moves) == len(store.entries(scope, "page:")) - 1
        (kept,) = store.get(scope, [key])
        assert kept
        assert kept.value == damaged


def test_a_page_written_larger_than_its_age_asks_for_stays_so_until_it_fades() -> None:
    with fading_memory({Tier.SMALL: 20}, large=0, base=0, small=30 * DAY) as memory:
        memory.append(SCOPE, "a b c " * 60)
        memory.flush(SCOPE)
        assert memory.stats().pages_by_tier == {"base": 1}
        memory.sweep(now=NOW + 29 * DAY)
        assert memory.stats().pages_by_tier == {"base": 1}
        memory.sweep(now=NOW + 31 * DAY)
        assert memory.stats().pages_by_tier == {"tiny": 1}


def test_text_that_is_on_no_page_yet_is_forgotten_too() -> None:
    with fading_memory({}, large=0, base=0, small=0, tiny=0, forget_after=10 * DAY) as memory:
        memory.append(SCOPE, Turn(text="old", id="old"))
        memory.append(SCOPE, Turn(text="new", id="new"), now=NOW + 9 * DAY)
        assert memory.sweep(now=NOW + 9 * DAY).moves == []
        (move,) = memory.sweep(now=NOW + 11 * DAY).moves
        assert (move.page, move.before, move.after) == ("old", "tail", None)
        assert texts(memory) == ["new"]
        memory.append(SCOPE, "x" * 500, now=NOW + 11 * DAY)
        memory.flush(SCOPE)
        assert texts(memory) == ["new", "x" * 500]
        assert memory.append(SCOPE, Turn(text="old", id="old")).added == 1


def test_a_turn_on_two_pages_is_unknown_once_both_are_forgotten() -> None:
    with fading_memory({}, forget_after=365 * DAY) as memory:
        memory.append(SCOPE, Turn(text="w" * 700, id="long"))
        memory.flush(SCOPE)
        memory.sweep(now=NOW + 366 * DAY)
        assert memory.stats().turns == 0


def test_pinned_text_that_is_on_no_page_yet_stays() -> None:
    with fading_memory({}, forget_after=365 * DAY) as memory:
        memory.append(SCOPE, Turn(text="keep", id="keep"))
        memory.pin(SCOPE, "keep")
        assert memory.sweep(now=NOW + 400 * DAY).moves == []
        memory.unpin(SCOPE, "keep")
        assert len(memory.sweep(now=NOW + 400 * DAY).moves) == 1


def test_a_turn_is_found_by_words_that_have_just_faded() -> None:
    with fading_memory({Tier.TINY: 6}, floor=0.5) as memory:
        memory.append(SCOPE, ["the old lantern hangs there " * 5, "nothing of that kind " * 5])
        memory.flush(SCOPE)
        memory.sweep(now=NOW + 40 * DAY)
        (hit,) = memory.recall(SCOPE, "lantern", k=2, now=NOW + 40 * DAY)
        assert "\ufffd" in hit.text
        assert hit.tier == "tiny"


def test_a_sweep_looks_at_as_many_entries_as_it_is_told_to() -> None:
    with fading_memory({}) as memory:
        memory.append(SCOPE, "w" * 5 * CAPACITY)
        memory.flush(SCOPE)
        seen: list[int] = []
        assert len(memory.sweep(now=NOW + 2 * DAY, limit=2, progress=seen.append).moves) == 2
        assert seen == [2]
        assert len(memory.sweep(now=NOW + 2 * DAY).moves) == 4
        assert memory.sweep(now=NOW + 2 * DAY, limit=0).moves == []


def test_a_sweep_of_many_entries_looks_at_each_once() -> None:
    with fading_memory({}) as memory:
        for scope in range(3):
            memory.append(f"s{scope}", "w" * (CAPACITY * BATCH // 2))
            memory.flush(f"s{scope}")
        due = len(memory.store.peek_due(NOW + 2 * DAY, 999))
        assert due > BATCH
        seen: list[int] = []
        planned = memory.sweep(now=NOW + 2 * DAY, dry_run=True, progress=seen.append)
        assert len(planned.moves) == seen[-1] == due
        done = memory.sweep(now=NOW + 2 * DAY)
        assert done == planned
        assert len({(move.scope, move.page) for move in done.moves}) == due


def test_what_is_claimed_is_offered_to_nobody_else_until_the_lease_ends() -> None:
    with fading_memory({}) as memory:
        memory.append(SCOPE, "w" * 300)
        memory.flush(SCOPE)
        assert len(memory.store.claim_due(NOW + 2 * DAY, 9, lease=60.0)) == 1
        assert memory.sweep(now=NOW + 2 * DAY).moves == []
        assert len(memory.sweep(now=NOW + 2 * DAY + 60).moves) == 1


def test_a_page_that_somebody_changes_meanwhile_is_left_to_them() -> None:
    with fading_memory({}) as memory:
        memory.append(SCOPE, Turn(text="w" * 300, id="a"))
        memory.flush(SCOPE)
        while_drawing(memory, lambda: memory.pin(SCOPE, "a"))
        report = memory.sweep(now=NOW + 2 * DAY)
        assert (report.moves, report.skipped, report.bytes_before) == ([], 1, 0)
        assert memory.stats().pages_by_tier == {"large": 1}
        assert memory.sweep(now=NOW + 400 * DAY).moves == []  # pinned


def test_text_that_is_put_on_a_page_meanwhile_is_left_there() -> None:
    with fading_memory({}, forget_after=365 * DAY) as memory:
        memory.append(SCOPE, Turn(text="old", id="old"))
        store = memory.store
        get, due = store.get, NOW + 366 * DAY

        def interrupted(scope: Scope, keys: list[str]) -> object:
            found = get(scope, keys)
            store.get = get  # type: ignore[method-assign]
            memory.flush(SCOPE, now=due)
            return found

        store.get = interrupted  # type: ignore[method-assign, assignment]
        report = memory.sweep(now=due)
        assert (report.moves, report.skipped) == ([], 1)
        assert texts(memory) == ["old"]
        memory.append(SCOPE, "x" * 500, now=due)
        memory.flush(SCOPE, now=due)
        assert texts(memory) == ["old", "x" * 500]


def test_the_report_counts_bytes_before_and_after() -> None:
    with fading_memory({Tier.TINY: 20}) as memory:
        memory.append(SCOPE, "w" * 300)
        memory.flush(SCOPE)
        store, scope = memory.store, Scope.parse(SCOPE)
        (before,) = store.entries(scope, "page:")
        report = memory.sweep(now=NOW + 40 * DAY)
        (after,) = store.entries(scope, "page:")
        assert (report.bytes_before, report.bytes_after) == (before.size, after.size)
        (move,) = report.moves
        assert move.expected_accuracy == pytest.approx(0.95)


def test_pinning_one_turn_keeps_its_pages_and_those_alone() -> None:
    with fading_memory({}) as memory:
        memory.append(SCOPE, [Turn(text=c * (CAPACITY - 1), id=c) for c in "abc"])
        memory.flush(SCOPE)
        memory.pin(SCOPE, "b")
        pages = memory.sweep(now=NOW + 2 * DAY)
        assert len(pages.moves) == 2
        tiers = {turn.id: turn.tier for turn in memory.reconstruct(SCOPE)}
        assert tiers == {"a": "base", "b": "large", "c": "base"}


def test_pinning_does_not_undo_a_recall_that_came_in_between() -> None:
    store = ContendedStore()
    with OpticalMemory.open(store, codec=plain_codec(), clock=lambda: NOW) as memory:
        memory.append(SCOPE, Turn(text="the red lantern " * 20, id="a"))
        memory.flush(SCOPE)
        store.others = [lambda: memory.recall(SCOPE, "lantern", now=NOW + 0.9 * DAY)]
        memory.pin(SCOPE, "a")
        memory.unpin(SCOPE, "a")
        assert memory.sweep(now=NOW + 1.5 * DAY).moves == []
        assert len(memory.sweep(now=NOW + 2 * DAY).moves) == 1


def test_a_turn_that_is_not_there_cannot_be_pinned() -> None:
    with fading_memory({}) as memory:
        memory.append(SCOPE, Turn(text="a", id="a"))
        with pytest.raises(InputError, match="no turn 'b'"):
            memory.pin(SCOPE, "b")


def test_a_page_drawn_before_its_turn_was_pinned_is_not_written() -> None:
    with fading_memory({}) as memory:
        memory.append(SCOPE, Turn(text="w" * 300, id="a"))
        while_drawing(memory, lambda: memory.pin(SCOPE, "a"))
        assert memory.flush(SCOPE) == 1
        assert memory.sweep(now=NOW + 400 * DAY).moves == []


def test_two_sweeps_that_remove_the_last_two_parts_of_a_turn_remove_its_id() -> None:
    """Each found the other's page still there, and left the id to the other."""
    store = ContendedStore()
    memory = OpticalMemory.open(
        store, codec=plain_codec(), policy=DecayPolicy(forget_after=365 * DAY), clock=lambda: NOW
    )
    long = Turn(text="long " * (2 * CAPACITY // 5 - 1), id="long")
    memory.append(SCOPE, long)
    memory.flush(SCOPE)
    assert memory.stats().pages == 2
    store.others = [lambda: memory.sweep(now=NOW + 400 * DAY, limit=1)]
    memory.sweep(now=NOW + 400 * DAY, limit=1)
    memory.sweep(now=NOW + 401 * DAY)
    assert memory.stats().pages == 0
    assert memory.holds(SCOPE, ["long"]) == [False]
    assert memory.append(SCOPE, long).added == 1
    assert texts(memory) == [long.text]
