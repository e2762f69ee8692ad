"""Scores are what an independent count says."""

import pytest

from optimem.evaluation.measures import accuracy, silent_errors


def test_accuracy_is_one_minus_the_edit_distance_over_the_length() -> None:
    assert accuracy("abcd", "abcd") == 1
    assert accuracy("abcd", "abxd") == pytest.approx(0.75)
    assert accuracy("abcd", "abd") == pytest.approx(0.75)
    assert accuracy("abcd", "abcdzzzz") == pytest.approx(0.5)
    assert accuracy("", "") == 1


def test_marked_characters_are_not_silent() -> None:
    assert silent_errors("port 6543", "port 6\ufffd43") == 0
    assert silent_errors("port 6543", "port 6743") == 1
    assert silent_errors("port 6543", "port 643") == 1
    assert silent_errors("port 6543", "port 6543!") == 1
