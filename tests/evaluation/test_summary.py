"""Figures over pages weigh characters, and know how far they could be off."""

import numpy as np
import pytest

from optimem.evaluation.measures import score_text
from optimem.evaluation.summary import PageResult, bootstrap, characters_right, summarise
from tests.evaluation.test_measures import TRUTH, damage


def test_the_interval_holds_the_value_and_comes_from_the_seed() -> None:
    pages = [score_text(TRUTH, damage(seed, 0.02 * seed)) for seed in range(8)]
    first = bootstrap(pages, characters_right, 3)
    assert first.low < first.value < first.high
    assert bootstrap(pages, characters_right, 3) == first
    assert bootstrap(pages[:1], characters_right, 3).low == characters_right(pages[:1])


@pytest.mark.parametrize("seed", range(5))
def test_a_skewed_interval_holds_its_value(seed: int) -> None:
    lengths = (4000, 5, 5, 5)  # one long page is right, and seldom drawn
    pages = [score_text("a" * n, "a" * n if n > 5 else "b" * n) for n in lengths]
    for count in (2, 3, 4):
        found = bootstrap(pages[:count], characters_right, seed)
        assert found.low <= found.value <= found.high


def test_a_long_page_weighs_more_than_a_short_one() -> None:
    pages = [score_text("a" * 300, "a" * 300), score_text("a" * 100, "")]
    assert characters_right(pages) == pytest.approx(0.75)


def test_figures_are_shares_of_all_pages_together() -> None:
    pages = [score_text("port 6543", "port 6\ufffd43"), score_text("no ids here", "no ids here")]
    results = [PageResult(page, 20, 40, 100, 9, page.edits // 2, 0.1, 0.3) for page in pages]
    figures = summarise(results, tokens=10, positions=16, seed=0)
    assert figures.marked == pytest.approx(1 / 20)
    assert (figures.silent, figures.exact_ids, figures.exact_lines) == (0, 0, 0.5)
    assert (figures.ratio, figures.ratio_positions) == pytest.approx((2, 1.25))
    assert (figures.text_bytes, figures.data_bytes) == (80, 200)
    assert (figures.write, figures.read) == pytest.approx((0.1, 0.3))
    assert np.shape(figures.reliability) == (15, 3)


def test_a_text_without_ids_has_no_share_of_them() -> None:
    (result,) = [PageResult(score_text("prose", "prose"), 1, 5, 10, 0, 0, 0, 0)]
    assert summarise([result], 1, 1, 0).exact_ids is None
