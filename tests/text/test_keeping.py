"""Which cells of a page are kept to the letter."""

import numpy as np

from optimem.protocols import Reading
from optimem.text.keeping import Keep, kept_cells

TEXT = "see port 15432 by noon"


def reading(cell: list[int]) -> Reading:
    return Reading(TEXT, np.ones(len(TEXT), np.float32), np.array(cell, np.int64))


def test_all_or_nothing_is_kept() -> None:
    plain = reading(list(range(len(TEXT))))
    assert kept_cells(plain, 30, Keep.ALL).tolist() == [True] * 30
    assert kept_cells(plain, 30, Keep.NOTHING) is None


def test_values_are_kept_with_every_cell_of_their_characters() -> None:
    start = TEXT.index("15432")
    kept = kept_cells(reading(list(range(3, 3 + len(TEXT)))), 30, Keep.VALUES)
    assert np.flatnonzero(kept).tolist() == list(range(3 + start, 3 + start + 5))
    wide = [at if at <= start else at + 2 for at in range(len(TEXT))]  # its first takes three
    kept = kept_cells(reading(wide), 30, Keep.VALUES)
    assert np.flatnonzero(kept).tolist() == list(range(start, start + 7))


def test_a_page_without_text_keeps_no_values() -> None:
    nothing = Reading("", np.ones(0, np.float32), np.zeros(0, np.int64))
    assert not kept_cells(nothing, 5, Keep.VALUES).any()
