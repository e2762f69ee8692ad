"""A filter knows all of its terms, and few others."""

import numpy as np
import pytest

from optimem.memory.records.term_filter import may_hold, term_filter


@pytest.mark.parametrize("count", [1, 7, 5000])
def test_a_filter_knows_its_terms_and_few_others(count: int) -> None:
    drawn = np.random.default_rng(count).permutation(1 << 22)[: count + 4000].astype(np.uint32)
    terms, others = drawn[:count] << 10, drawn[count:] << 10
    made = term_filter(terms)
    assert len(made) == count
    assert all(may_hold(made, term) for term in terms.tolist())
    seems = sum(may_hold(made, term) for term in others.tolist())
    assert seems < 0.05 * len(others)


def test_without_a_filter_every_term_may_be_there() -> None:
    assert may_hold(b"", 7)
    assert term_filter(np.zeros(0, np.uint32)) == b""
