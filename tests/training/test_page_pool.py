"""Pages mixed ahead, by other processes."""

import numpy as np

from optimem.training.page_pool import AT_ONCE, PagePool, Part, mix
from tests.training.small import mixer


def test_a_pool_mixes_the_pages_that_would_be_mixed_without_it() -> None:
    pool = PagePool(mixer(), lambda step: [AT_ONCE + 2, step], seed=3, workers=2)
    for step, task, pages in ((4, 1, 4), (4, 0, AT_ONCE + 2), (5, 0, AT_ONCE + 2), (7, 1, 7)):
        alone = mix(mixer(), 3, Part(step, task, 0, pages))
        assert np.array_equal(pool.pages(step, task), alone)
    assert set(pool._asked) == {7, 8, 9}
    pool.close()


def test_no_two_pages_are_the_same() -> None:
    parts = [Part(4, 0, 0, 2), Part(4, 1, 0, 2), Part(5, 0, 0, 2)]
    pages = np.concatenate([mix(mixer(), 3, part) for part in parts])
    assert len(np.unique(pages, axis=0)) == len(pages)
