"""What a run trains when."""

from optimem.tiers import Tier
from optimem.training.curriculum import AUXILIARY_UNTIL, FIRST_TIER_UNTIL, RATES, Curriculum


def test_the_curriculum_starts_with_one_tier_and_ends_slowly() -> None:
    plan = Curriculum(4000)
    assert [share.tier for share in plan.shares(0)] == [Tier.SMALL]
    tiers = {share.tier for ahead in range(4) for share in plan.shares(FIRST_TIER_UNTIL + ahead)}
    assert tiers == set(Tier)
    assert plan.lr_scale(0) < plan.lr_scale(100) == 1
    assert plan.lr_scale(3999) < 0.05
    going_on = Curriculum(4000, first=2000)
    assert going_on.lr_scale(2000) == plan.lr_scale(0)
    early, late = (plan.shares(step)[-1].rate_target for step in (1000, 3999))
    assert late < early


def test_the_auxiliary_heads_leave_and_the_rate_comes_to_its_end() -> None:
    plan = Curriculum(4000)
    early, late = plan.shares(AUXILIARY_UNTIL - 1), plan.shares(3999)
    assert {share.auxiliary for share in early} == {1.0}
    assert {share.auxiliary for share in late} == {0.0}
    for share in late:
        assert share.rate_target == RATES[share.tier][1]


def test_a_larger_batch_has_more_pages_and_none_is_empty() -> None:
    def pages(batch: float) -> list[int]:
        return [share.pages for share in Curriculum(4000, batch=batch).shares(400)]

    assert pages(2) == [2 * count for count in pages(1)]
    assert min(pages(0.01)) == 1
