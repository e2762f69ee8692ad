"""Words that mean much the same, as the table that ships has them."""

import numpy as np
import pytest

from optimem.text.alike import NEAR, ROW, WORDS, alike, bits
from optimem.text.terms import terms


def term(word: str) -> int:
    return terms(word)[0]


@pytest.mark.parametrize(
    ("word", "other"),
    [("puppy", "dog"), ("vehicles", "car"), ("physician", "doctor"), ("occupation", "profession")],
)
def test_words_that_mean_much_the_same_are_known(word: str, other: str) -> None:
    shares = dict(alike(term(word)))
    assert 0.3 < shares[term(other)] <= 1
    assert term(word) not in shares
    assert term("violin") not in shares
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_a_word_that_is_not_known_has_none() -> None:
    for unknown in (term("Xyzzyplugh"), 0, 2**32 - 1):
        assert alike(unknown) == ()
        assert bits(unknown) > bits(term("heirloom"))


def test_common_words_tell_less_than_rare_ones() -> None:
    assert bits(term("place")) < bits(term("dog")) < bits(term("heirloom"))
    assert 5 < bits(term("time")) < 12


def test_the_table_is_in_order() -> None:
    table = np.load(WORDS, mmap_mode="r")
    assert table.dtype == ROW
    assert (np.diff(table["term"].astype(np.int64)) > 0).all()
    assert table["near"].max() < len(table)
    assert (np.diff(table["share"].astype(int), axis=1) <= 0).all()
    assert (table["near"] != np.arange(len(table))[:, None])[table["share"] > 0].all()
    assert table["share"].shape[1] == NEAR
