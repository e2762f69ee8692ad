"""The verdict is the smallest tier that is good enough, with its figures."""

from typing import Any

import pytest

from optimem.evaluation import tables
from optimem.evaluation.verdict import judge, verdicts
from optimem.testing import plain_codec
from optimem.tiers import Tier
from tests.evaluation.small import run


def setting(ratio: float, tier: str, right: float, low: float | None = None) -> dict[str, Any]:
    interval = {"value": right, "low": right if low is None else low, "high": right}
    return {
        "asked": ratio, "tier": tier, "baselines": {"newest": {"right": 1 / ratio}},
        "figures": {"ratio": ratio, "right": interval, "word_error": {"value": 5 * (1 - right)}},
    }  # fmt: skip


def test_the_highest_ratio_that_is_good_enough_is_taken() -> None:
    settings = [setting(40, "tiny", 0.95), setting(10, "base", 1.0), setting(20, "small", 0.995)]
    verdict = judge("notes.txt", settings)
    assert (verdict.advice, verdict.good) == ("Take Small, at 20×", True)
    assert verdict.reason == (
        "99.50 % of the characters and 97.5 % of the words come back right, with 20.0 text tokens "
        "in one vision token; as many tokens of plain text would hold 5.0 %. "
        "40× is too much: 95.00 % (tiny)."
    )


@pytest.mark.parametrize(("low", "taken"), [(0.99, "Small"), (0.989, "Base")])
def test_the_lower_bound_of_the_interval_decides(low: float, taken: str) -> None:
    settings = [setting(10, "base", 1.0), setting(20, "small", 0.995, low)]
    assert f"Take {taken}" in judge("a", settings).advice


def test_where_nothing_is_good_enough_the_text_is_to_be_kept() -> None:
    verdict = judge("a", [setting(20, "small", 0.5), setting(10, "base", 0.9)])
    assert (verdict.advice, verdict.good) == ("Keep the text", False)
    assert verdict.reason.startswith("Even at 10× (base), 90.00 % of the characters")


def test_every_text_of_a_run_has_a_verdict() -> None:
    result = run(ratios=(), tiers=(Tier.SMALL, Tier.TINY), codec=plain_codec({Tier.TINY: 20}))
    (verdict,) = verdicts(result)
    assert (verdict.text, verdict.advice) == ("prose", "Take Small, at 4.0×")
    assert tables.markdown_document(result).startswith("## Verdict\n\n- prose: **Take Small, at 4")
    (verdict,) = verdicts(run(ratios=(1.0,), codec=plain_codec()))
    assert verdict.reason.endswith("Nothing smaller was measured.")
