"""Fading on a real SQLite store, with a reader whose losses are known."""

from pathlib import Path

import pytest

from optimem import OpticalMemory
from optimem.errors import FingerprintError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.protocols import Change
from optimem.testing.pages import PlainReader, plain_codec
from optimem.tiers import Tier
from optimem.turns import Scope, Turn

NOW = 1_700_000_000.0
SCOPE = "acme/ann/s1"


def texts(memory: OpticalMemory) -> list[str]:
    return [turn.text for turn in memory.reconstruct(SCOPE)]


def test_a_page_that_does_not_read_back_goes_up_or_stays_text(tmp_path: Path) -> None:
    policy = DecayPolicy(large=0, base=0, small=100 * DAY, tiny=100 * DAY, write_error=0.001)
    up = plain_codec({Tier.SMALL: 50})
    with OpticalMemory.open(":memory:", codec=up, policy=policy, clock=lambda: NOW) as memory:
        memory.append(SCOPE, "a b c " * 60)
        memory.flush(SCOPE)
        assert memory.stats().pages_by_tier == {"base": 1}
    text = plain_codec({Tier.SMALL: 50, Tier.BASE: 50, Tier.LARGE: 50})
    with OpticalMemory.open(":memory:", codec=text, policy=policy, clock=lambda: NOW) as memory:
        memory.append(SCOPE, "a b c " * 60)
        memory.flush(SCOPE)
        assert memory.stats().pages_by_tier == {"text": 1}
        assert texts(memory) == ["a b c " * 60]


def fading_memory(lost: dict[Tier, int], **policy: float) -> OpticalMemory:
    reader = plain_codec(lost)
    return OpticalMemory.open(
        ":memory:", codec=reader, policy=DecayPolicy(**policy), clock=lambda: NOW
    )


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
        assert memory.stats().verbatim_bytes > 0


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
    assert isinstance(other.decoder, PlainReader)
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
    with fading_memory({Tier.SMALL: 50}, large=0, base=0, small=30 * DAY) as memory:
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


def test_forgetting_a_turn_does_not_break_the_floor() -> None:
    with fading_memory({Tier.TINY: 10}, floor=0.85) as memory:
        memory.append(SCOPE, [Turn(text=c * 100, id=c) for c in "abc"])
        memory.flush(SCOPE)
        memory.sweep(now=NOW + 40 * DAY)
        assert memory.stats().pages_by_tier == {"tiny": 1}
        memory.forget(SCOPE, turn="a")  # drawn again at Tiny, a fifth would be wrong
        assert memory.stats().pages_by_tier == {"small": 1}


def test_a_turn_is_found_by_words_that_have_just_faded() -> None:
    with fading_memory({Tier.TINY: 6}, floor=0.5) as memory:
        memory.append(SCOPE, ["the old lantern hangs there " * 5, "nothing of that kind " * 5])
        memory.flush(SCOPE)
        memory.sweep(now=NOW + 40 * DAY)
        (hit,) = memory.recall(SCOPE, "lantern", k=2, now=NOW + 40 * DAY)
        assert "\ufffd" in hit.text
        assert hit.tier == "tiny"
