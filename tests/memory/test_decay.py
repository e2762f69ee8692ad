"""When a page fades, and how far."""

from dataclasses import replace

import pytest

from optimem.errors import InputError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.tiers import Tier
from tests.memory.factories import make_chunk, make_page, make_span


@pytest.mark.parametrize(
    ("days", "tier"),
    [
        (-1000, Tier.LARGE),  # a clock that was set back
        (0, Tier.LARGE),
        (0.99, Tier.LARGE),
        (1, Tier.BASE),
        (7, Tier.SMALL),
        (30, Tier.TINY),
        (180, Tier.TRACE),
        (36_500, Tier.TRACE),
    ],
)
def test_the_tier_of_an_age(days: float, tier: Tier) -> None:
    assert DecayPolicy().tier_at(days * DAY) is tier


def test_a_page_is_forgotten_at_the_age_the_policy_names() -> None:
    policy = DecayPolicy(forget_after=365 * DAY)
    assert policy.tier_at(365 * DAY - 1) is Tier.TRACE
    assert policy.tier_at(365 * DAY) is None


def test_a_page_is_due_when_it_leaves_its_tier() -> None:
    policy = DecayPolicy()
    assert policy.due(Tier.LARGE, 100.0) == 100.0 + DAY
    assert policy.due(Tier.TINY, 100.0) == 100.0 + 180 * DAY
    assert policy.due(Tier.TRACE, 100.0) is None
    assert policy.due(None, 100.0) is None


def test_traces_and_text_are_due_when_they_are_forgotten() -> None:
    policy = DecayPolicy(forget_after=365 * DAY)
    assert policy.due(Tier.TRACE, 100.0) == 100.0 + 365 * DAY
    assert policy.due(None, 100.0) == 100.0 + 365 * DAY


def test_a_page_above_the_tier_of_a_new_one_waits_for_that_tiers_age() -> None:
    policy = DecayPolicy(large=0, base=0)
    assert policy.due(Tier.LARGE, 0.0) == 30 * DAY
    assert policy.due(Tier.SMALL, 0.0) == 30 * DAY


def test_what_is_pinned_is_never_due() -> None:
    policy = DecayPolicy(forget_after=365 * DAY)
    page = make_page(make_span("abc"), accessed=100.0)
    assert policy.page_due(page) == 100.0 + 7 * DAY
    assert policy.page_due(replace(page, body=("abc",))) == 100.0 + 365 * DAY
    assert policy.page_due(make_page(make_span("abc", pinned=True))) is None
    assert policy.chunk_due(make_chunk("abc")) == 7.0 + 365 * DAY
    assert policy.chunk_due(make_chunk("abc", pinned=True)) is None


@pytest.mark.parametrize(
    "ages",
    [{"base": 0.5 * DAY}, {"forget_after": DAY}, {"tiny": 29 * DAY}, {"large": float("inf")}],
)
def test_ages_that_do_not_grow_are_refused(ages: dict[str, float]) -> None:
    with pytest.raises(InputError, match="ages must grow"):
        DecayPolicy(**ages)


@pytest.mark.parametrize("age", [-1.0, float("nan")])
def test_an_age_that_is_not_a_length_of_time_is_refused(age: float) -> None:
    with pytest.raises(InputError, match="greater than or equal to 0"):
        DecayPolicy(large=age)


def test_equal_ages_skip_a_tier() -> None:
    policy = DecayPolicy(large=5, base=5, small=9)
    assert [policy.tier_at(age) for age in (4, 5, 9)] == [Tier.LARGE, Tier.SMALL, Tier.TINY]
