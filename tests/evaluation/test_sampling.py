"""Each ratio at its tier, and pages that hold as much text as it asks for."""

import pytest

from optimem.errors import RatioError, SampleError
from optimem.evaluation.corpora import Corpus
from optimem.evaluation.sampling import (
    PageSample,
    Setting,
    UnreachableRatio,
    check_ratios,
    check_reachable,
    full_pages,
    sample_pages,
    sharpest_tier,
)
from optimem.evaluation.tokenizers import ByteTokenizer
from optimem.testing.pages import CAPACITY, PlainRenderer
from optimem.tiers import Tier
from tests.evaluation.small import PROSE

RENDERER, BYTES = PlainRenderer(), ByteTokenizer()


def test_the_sharpest_tier_that_reaches_a_ratio() -> None:
    assert sharpest_tier(1, 400) == Tier.LARGE
    assert sharpest_tier(3, 400) == Tier.SMALL
    assert sharpest_tier(20, 400) is None


def test_pages_hold_as_much_text_as_the_ratio_asks_for() -> None:
    (sample,) = sample_pages(PROSE, (3.0,), (), 2, RENDERER, BYTES)
    assert isinstance(sample, PageSample)
    assert (sample.setting, sample.setting.label) == (Setting(Tier.SMALL, 3.0), "3×")
    assert [len(text) for text in sample.texts] == [3 * Tier.SMALL.tokens] * 2


def test_a_tier_is_measured_on_full_pages() -> None:
    (sample,) = sample_pages(PROSE, (), (Tier.TINY,), 2, RENDERER, BYTES)
    assert isinstance(sample, PageSample)
    assert sample.setting.label == "full tiny"
    assert [len(text) for text in sample.texts] == [CAPACITY] * 2


def test_full_pages_come_from_places_all_over_the_text() -> None:
    first, middle, last = full_pages(PROSE.text, 3, RENDERER, "prose")
    assert PROSE.text.startswith(first)
    assert 0 < PROSE.text.index(middle) < PROSE.text.index(last)
    assert PROSE.text.index(last) >= len(PROSE.text) - CAPACITY - 2
    assert len(full_pages(PROSE.text, 1000, RENDERER, "prose")) == len(PROSE.text) // CAPACITY


def test_less_than_a_page_is_refused() -> None:
    with pytest.raises(SampleError, match="short fills 5 cells and a page has 400"):
        full_pages("brief", 3, RENDERER, "short")


def test_an_unreachable_ratio_is_an_error_only_if_no_corpus_reaches_it() -> None:
    wide = Corpus("wide", "漢" * CAPACITY, False)
    samples = [
        sample
        for corpus in (PROSE, wide)
        for sample in sample_pages(corpus, (15.0,), (), 1, RENDERER, BYTES)
    ]
    assert samples[0] == UnreachableRatio(PROSE, 15.0, CAPACITY / Tier.TRACE.tokens)
    check_reachable(samples)
    with pytest.raises(RatioError, match=r"prose at trace comes to 11\.1×.*ask for 11 or less"):
        check_reachable(samples[:1])


@pytest.mark.parametrize("ratio", [0, -1, float("nan"), float("inf")])
def test_a_ratio_is_a_positive_number(ratio: float) -> None:
    assert check_ratios([0.5, 10]) == (0.5, 10)
    with pytest.raises(RatioError, match="cannot be a ratio"):
        check_ratios([ratio])
