"""What a sweep makes of a page, without a store."""

from dataclasses import replace

import pytest

from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.fading.fate import RETRY_AFTER, Fate, fading_fate, next_due, settled_fate
from optimem.memory.records.records import PageRecord
from optimem.tiers import Tier
from tests.memory.factories import make_page, make_span

POLICY = DecayPolicy(forget_after=365 * DAY)
PAGE = make_page(make_span("six"), tier=Tier.BASE, accessed=0.0)
PINNED = make_page(make_span("six", pinned=True))


@pytest.mark.parametrize(
    ("page", "age", "kept"),
    [(PAGE, 2, "age"), (PINNED, 400, "pinned"), (make_page(make_span("x"), tier=None), 40, "text")],
)
def test_pages_that_stay_say_why(page: PageRecord, age: float, kept: str) -> None:
    assert settled_fate(page, POLICY, age * DAY) == Fate(page, kept)


def test_what_is_too_old_is_forgotten() -> None:
    assert settled_fate(PAGE, POLICY, 365 * DAY) == Fate(None)


@pytest.mark.parametrize(("least", "drawn"), [(Tier.TINY, "tiny"), (Tier.SMALL, "tiny small")])
def test_a_page_fades_to_the_smallest_tier_that_its_floor_allows(least: Tier, drawn: str) -> None:
    asked: list[str] = []

    def draw(tier: Tier) -> PageRecord:
        asked.append(tier.label)
        body = replace(PAGE.body, tier=tier)
        return replace(PAGE, body=body, error=0.0 if tier >= least else 0.2)

    assert settled_fate(PAGE, POLICY, 40 * DAY) is None
    fate = fading_fate(PAGE, POLICY, 40 * DAY, draw)
    assert (fate.page.tier, fate.kept) == (least, None)
    assert " ".join(asked) == drawn
    bad = fading_fate(PAGE, POLICY, 40 * DAY, lambda tier: replace(PAGE, error=0.2))
    assert bad == Fate(PAGE, "floor")


def test_what_the_floor_holds_is_put_off_but_never_beyond_its_end() -> None:
    assert next_due(PAGE, POLICY, 2 * DAY) == 7 * DAY
    assert next_due(PAGE, POLICY, 40 * DAY) == 40 * DAY + RETRY_AFTER
    assert next_due(PAGE, POLICY, 350 * DAY) == 365 * DAY
    assert next_due(PAGE, POLICY, 366 * DAY) == 366 * DAY + RETRY_AFTER
    assert next_due(PAGE, DecayPolicy(), 350 * DAY) == 350 * DAY + RETRY_AFTER
