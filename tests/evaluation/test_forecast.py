"""What is foretold is what sweeps then do."""

from pathlib import Path

import pytest

from optimem import DecayPolicy, OpticalMemory
from optimem.evaluation.inspection import write_inspection
from optimem.evaluation.page_cards import PageCard, PageInspector, card_lines, tier_name
from optimem.evaluation.timeline import next_changes, timeline
from optimem.memory.decay import DAY
from optimem.memory.records.scope_records import ScopeRecords
from optimem.protocols import PageCodec
from optimem.testing import PlainModel, PlainRenderer, plain_codec
from optimem.text.wording import percent
from optimem.tiers import Tier
from optimem.turns import Scope

SCOPE = "work/ann/monday"
LOST = {Tier.TRACE: 2, Tier.TINY: 20}
Moves = list[tuple[str, str, str]]


def remembered(**policy: float) -> OpticalMemory:
    """A memory whose pages were written one day after the other; the third is pinned."""
    chosen = DecayPolicy(**policy)
    memory = OpticalMemory.open(":memory:", codec=plain_codec(LOST), policy=chosen)
    for day in range(5):
        text = f"{day} is said here. " * (20 if day < 4 else 40)
        memory.append(SCOPE, {"text": text, "id": f"m{day}"}, now=day * DAY)
        memory.flush(SCOPE, now=day * DAY)
    memory.pin(SCOPE, "m2")
    return memory


def looked_at(memory: OpticalMemory, now: float) -> list[PageCard]:
    inspector = PageInspector(memory.codec, memory.policy, now)
    return list(inspector.cards(ScopeRecords(memory.store, Scope.parse(SCOPE)), 0))


def foretold(cards: list[PageCard]) -> Moves:
    return sorted(
        (card.record.id, tier_name(card.record), tier_name(card.future.now.page))
        for card in cards
        if card.future and not card.future.now.kept
    )


@pytest.mark.parametrize("policy", [{}, {"forget_after": 400 * DAY}, {"floor": 0.97}])
def test_every_sweep_does_what_was_foretold(policy: dict[str, float]) -> None:
    with remembered(**policy) as memory:
        for day in (1, 2, 6, 11, 12, 40, 60, 190, 220, 300, 404, 500):
            now = day * DAY
            told = foretold(looked_at(memory, now))
            assert looked_at(memory, now) == looked_at(memory, now)
            report = memory.sweep(now=now)
            done = [(move.page, move.before, move.after or "forgotten") for move in report.moves]
            assert told == sorted(done), day


def test_the_next_change_comes_when_it_is_foretold() -> None:
    with remembered(forget_after=400 * DAY) as memory:
        memory.sweep(now=40 * DAY)
        for card in looked_at(memory, 41 * DAY):
            when, then = card.future.when, tier_name(card.future.then)
            if when is None:
                continue
            before = [move.page for move in memory.sweep(now=when - 60, dry_run=True).moves]
            after = {move.page: move.after for move in memory.sweep(now=when, dry_run=True).moves}
            assert card.record.id not in before
            assert (after[card.record.id] or "forgotten") == then


def test_a_page_that_its_floor_holds_says_so_and_is_not_due() -> None:
    with remembered() as memory:
        memory.sweep(now=50 * DAY)
        cards = looked_at(memory, 200 * DAY)
        held = [card for card in cards if card.future.now.kept == "floor"]
        assert len(held) == len(cards) - 1
        assert [tier_name(card.future.last) for card in held] == ["tiny"] * len(held)
        lines = card_lines(held[0], 200 * DAY, 0.9)
        assert lines["next"] == "stays: held by its floor"
        refused = held[0].future.refused.legibility
        assert lines["floor"] == f"tiny; trace would read {percent(refused, 1)}, under 90 %"
        assert refused < 0.9 <= held[0].future.last.legibility
        assert card_lines(cards[2], 200 * DAY, 0.9)["next"] == "stays: pinned"
        now, swept, last = timeline(cards, 0.9)
        assert swept.words == f"0 pages would change; {len(held)} held by the floor, 1 pinned"
        assert now.shares == swept.shares
        assert last.words.endswith(f"the floor of 90 % holds {len(held)} of {len(cards)}")
        assert next_changes(cards, 200 * DAY)[1:] == []


def test_what_happens_next_is_grouped_and_counts_tokens() -> None:
    with remembered() as memory:
        cards = looked_at(memory, 5 * DAY)
        (*_, last) = next_changes(cards, 5 * DAY)
        assert last == ["at the next sweep", "5", "large → base", f"{5 * (400 - 256)}"]
        memory.sweep(now=5 * DAY)
        rows = next_changes(looked_at(memory, 5 * DAY), 5 * DAY)[1:]
        assert [row[0] for row in rows] == ["in 2 days", "in 3 days", "in 5 days", "in 6 days"]


def test_a_page_that_cannot_be_read_is_shown_without_a_future(tmp_path: Path) -> None:
    with remembered() as memory:
        model = PlainModel(fingerprint="another")
        others = OpticalMemory(memory.store, PageCodec(PlainRenderer(), model, model))
        cards = looked_at(others, 5 * DAY)
        assert {(card.image, card.future) for card in cards} == {("", None)}
        assert "cannot be read" in card_lines(cards[0], 5 * DAY, 0.9)["next"]
        assert "unreadable" in timeline(cards, 0.9)[1].words
        assert next_changes(cards, 5 * DAY)[1:] == []
        memory.forget(SCOPE, turn="m0")  # leaves a scope of tombstones, which is no memory
        write_inspection(memory, None, tmp_path / "a.html", now=5 * DAY)
