"""Scores are what other libraries say, and what a count by hand says."""

import jiwer
import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from optimem.evaluation.measures import (
    BINS,
    accuracy,
    calibration_error,
    loops,
    reliability,
    score_text,
    silent_errors,
    sum_bins,
    word_precision,
    wrong_characters,
)
from optimem.evaluation.summary import characters_right, word_error_rate

TRUTH = "Staging listens on port 6543.\nAsk ann@example.org, id a1b2c3d4.\nThe rest is prose."


def damage(seed: int, share: float) -> str:
    """The text with letters replaced, dropped and doubled."""
    rng = np.random.default_rng(seed)
    acts = rng.choice(4, len(TRUTH), p=[1 - share, share / 2, share / 4, share / 4])
    forms = [lambda c: c, lambda _: "x", lambda _: "", lambda c: c + c]
    return "".join(forms[act](char) for act, char in zip(acts, TRUTH, strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_characters_and_words_are_counted_as_rapidfuzz_and_jiwer_do(seed: int) -> None:
    read = damage(seed, 0.05 * seed)
    score = score_text(TRUTH, read)
    assert characters_right([score]) == pytest.approx(
        Levenshtein.normalized_similarity(TRUTH, read)
    )
    words = (" ".join(TRUTH.split()), " ".join(read.split()))
    assert word_error_rate([score]) == pytest.approx(jiwer.wer(*words))
    assert score.edits / len(TRUTH) == pytest.approx(jiwer.cer(TRUTH, read))


def test_lines_and_ids_are_read_verbatim_or_not() -> None:
    score = score_text(TRUTH, TRUTH.replace("6543", "6548"))
    assert (score.lines_exact, score.lines) == (2, 3)
    assert (score.ids_exact, score.ids) == (2, 3)


def test_marked_characters_are_not_silent() -> None:
    score = score_text("port 6543", "port 6743", "port 6\ufffd43")
    assert (score.edits, score.marked, score.silent) == (1, 1, 0)
    assert score_text("port 6543", "port 6743").silent == 1


def test_loops_and_omissions_are_seen() -> None:
    assert loops(TRUTH, TRUTH + TRUTH[-30:] * 3) > 30
    assert loops(TRUTH * 3, TRUTH * 3) == 0
    assert score_text(TRUTH, TRUTH[:40]).omitted == len(TRUTH) - 40


def test_precision_is_of_distinct_words_read() -> None:
    assert word_precision("a b c d", "a b x") == pytest.approx(2 / 3)
    assert word_precision("a b", "a a a") == 1


def test_calibration_error_is_the_gap_between_probability_and_share_right() -> None:
    probability = np.full(1000, 0.9, np.float32)
    right = np.arange(1000) < 700
    bins = np.array(reliability(probability, right))
    assert bins.shape == (BINS, 3)
    assert bins[:, 0].sum() == 1000
    assert calibration_error(bins) == pytest.approx(0.2, abs=1e-6)
    assert calibration_error(np.array(reliability(probability, np.arange(1000) < 900))) < 1e-6


def test_bins_of_pages_add_up() -> None:
    page = score_text("ab", "ab")
    page = page._replace(bins=reliability(np.full(2, 0.9, np.float32), np.array([True, False])))
    assert sum_bins([page, page])[13].tolist() == pytest.approx([4, 3.6, 2])


def test_accuracy_is_one_minus_the_edit_distance_over_the_length() -> None:
    assert accuracy("abcd", "abcd") == 1
    assert accuracy("abcd", "abxd") == pytest.approx(0.75)
    assert accuracy("abcd", "abd") == pytest.approx(0.75)
    assert accuracy("abcd", "abcdzzzz") == pytest.approx(0.5)
    assert accuracy("", "") == 1


def test_silent_errors_are_wrong_and_not_marked() -> None:
    assert silent_errors("port 6543", "port 6\ufffd43") == 0
    assert silent_errors("port 6543", "port 6743") == 1
    assert silent_errors("port 6543", "port 643") == 1
    assert silent_errors("port 6543", "port 6543!") == 1


def test_wrong_characters_are_those_that_an_edit_touches() -> None:
    assert wrong_characters("port 6543", "port 6743") == [False] * 6 + [True] + [False] * 2
    assert wrong_characters("abc", "abc!") == [False] * 3 + [True]
    assert wrong_characters("abc", "ac") == [False] * 2
