"""Tiers count as the paper does."""

import pytest

from optimem.errors import TierError
from optimem.tiers import Tier


@pytest.mark.parametrize(
    ("tier", "tokens", "positions"),
    [("tiny", 64, 73), ("small", 100, 111), ("base", 256, 273), ("large", 400, 421)],
)
def test_counts_are_deepseek_ocrs(tier: str, tokens: int, positions: int) -> None:
    assert (Tier.parse(tier).tokens, Tier.parse(tier).positions) == (tokens, positions)


def test_neighbours() -> None:
    assert Tier.parse("LARGE ").below is Tier.BASE
    assert Tier.TRACE.below is None
    assert Tier.LARGE.above is None
    assert Tier.TRACE.tokens == 36


def test_an_unknown_tier_lists_the_known_ones() -> None:
    with pytest.raises(TierError, match=r"'huge'.*large, base, small, tiny, trace"):
        Tier.parse("huge")
