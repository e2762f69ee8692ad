"""What a run trains when."""

import pytest

from optimem.tiers import Tier
from optimem.training.curriculum import (
    AUXILIARY_UNTIL,
    FIRST_TIER_UNTIL,
    PRICED_FROM,
    PRICES,
    Curriculum,
)


def test_the_curriculum_starts_with_one_tier_and_ends_slowly() -> None:
    plan = Curriculum(4000)
    assert [share.tier for share in plan.shares(0)] == [Tier.SMALL]
    tiers = {share.tier for ahead in range(4) for share in plan.shares(FIRST_TIER_UNTIL + ahead)}
    assert tiers == set(Tier)
    assert plan.lr_scale(0) < plan.lr_scale(100) == 1
    assert plan.lr_scale(3999) < 0.05
    going_on = Curriculum(4000, first=2000)
    assert going_on.lr_scale(2000) == plan.lr_scale(0)


@pytest.mark.parametrize("first", [0, 2000])
def test_bits_are_free_then_dear_then_cheap(first: int) -> None:
    plan = Curriculum(4000, first=first)
    assert all(share.price == 0 for share in plan.shares(PRICED_FROM - 1))
    for share in plan.shares(max(PRICED_FROM, first)):
        assert share.price == pytest.approx(PRICES[share.tier][0])
    for share in plan.shares(4000):
        assert share.price == pytest.approx(PRICES[share.tier][1])


@pytest.mark.parametrize("step", [0, FIRST_TIER_UNTIL, FIRST_TIER_UNTIL + 1])
def test_tasks_are_the_shares_of_a_step_in_parts(step: int) -> None:
    plan = Curriculum(4000, batch=1.5)
    tasks = plan.tasks(step)
    assert [task.tier.value for task in tasks] == sorted(
        (t.tier.value for t in tasks), reverse=True
    )
    for share in plan.shares(step):
        parts = [task for task in tasks if task.tier == share.tier]
        assert sum(part.pages for part in parts) == share.pages
        assert sum(part.weight for part in parts) == pytest.approx(1)


def test_the_auxiliary_heads_leave() -> None:
    plan = Curriculum(4000)
    early, late = plan.shares(AUXILIARY_UNTIL - 1), plan.shares(3999)
    assert {share.auxiliary for share in early} == {1.0}
    assert {share.auxiliary for share in late} == {0.0}


def test_a_larger_batch_has_more_pages_and_none_is_empty() -> None:
    def pages(batch: float) -> list[int]:
        return [share.pages for share in Curriculum(4000, batch=batch).shares(400)]

    assert pages(2) == [2 * count for count in pages(1)]
    assert min(pages(0.01)) == 1
