"""Whole numbers to bytes and back."""

import numpy as np
import pytest

from optimem.errors import ChecksumError, FormatError
from optimem.model.nano.token_coding import HIGHEST, LOWEST, TokenCoder

MEAN = np.array([2.0, -0.3, 0.0, 5.0], np.float32)
SPREAD = np.array([[0.05, 0.5, 4.0, 30.0], [0.05, 0.4, 2.0, 7.0]], np.float32)
SHARE = np.array([0.5, 0.5], np.float32)
CODER = TokenCoder(MEAN, SPREAD, SHARE)


def levels(tokens: int, classes: np.ndarray | None = None) -> np.ndarray:
    rng = np.random.default_rng(0)
    classes = rng.integers(2, size=tokens) if classes is None else classes
    return np.round(rng.normal(MEAN, SPREAD[classes])).astype(np.int16)


def test_the_coder_costs_what_the_prior_says() -> None:
    classes = np.random.default_rng(1).integers(2, size=4000)
    steps = levels(4000, classes)
    data = CODER.encode(steps)
    assert np.array_equal(CODER.decode(data, 4000)[:, 1:], steps[:, 1:])
    ideal = np.log2(SPREAD[classes, 2:] * np.sqrt(2 * np.pi * np.e)).sum() / 8
    assert len(data) < ideal * 1.15 + 4000 * (1.3 + 1) / 8  # a second value, and the class


def test_classes_cost_less_than_one_spread_for_all_tokens() -> None:
    steps = levels(4000)
    overall = np.sqrt((SPREAD**2).mean(0))
    alike = TokenCoder(MEAN, np.stack([overall, overall]), SHARE)
    assert len(CODER.encode(steps)) < 0.98 * len(alike.encode(steps))
    assert np.array_equal(alike.decode(alike.encode(steps), 4000)[:, 1:], steps[:, 1:])


def test_a_class_that_no_token_had_can_be_written() -> None:
    coder = TokenCoder(MEAN, SPREAD, np.array([1 - 1e-9, 1e-9], np.float32))
    steps = levels(50, np.ones(50, int))
    assert np.array_equal(coder.decode(coder.encode(steps), 50)[:, 1:], steps[:, 1:])


def test_a_value_that_hardly_varies_is_its_mean() -> None:
    steps = levels(10)
    steps[:, 0] = 99
    assert (CODER.decode(CODER.encode(steps), 10)[:, 0] == 2).all()


def test_what_is_out_of_range_is_clipped() -> None:
    steps = np.array([[2, 0, 5000, -5000]], np.int16)
    assert CODER.decode(CODER.encode(steps), 1).tolist() == [[2, 0, HIGHEST, LOWEST]]


@pytest.mark.parametrize("data", [b"", b"abc", b"abcdefg"])
def test_damaged_bytes_are_named(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"a page of optimem-nano (is damaged|was not written)"):
        CODER.decode(data, 10)
    good = CODER.encode(levels(10))
    with pytest.raises(ChecksumError, match="damaged or cut short"):
        CODER.decode(good[:-4] + data, 10)
