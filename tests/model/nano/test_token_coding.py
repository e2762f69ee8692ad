"""Whole numbers to bytes and back."""

import numpy as np
import pytest

from optimem.errors import ChecksumError, FormatError
from optimem.model.nano.token_coding import HIGHEST, LOWEST, TokenCoder

SPREAD = np.array([0.05, 0.5, 4.0, 30.0], np.float32)
MEAN = np.array([2.0, -0.3, 0.0, 5.0], np.float32)
CODER = TokenCoder(MEAN, SPREAD)


def levels(tokens: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.round(rng.normal(MEAN, SPREAD, (tokens, 4))).astype(np.int16)


def test_the_coder_costs_what_the_prior_says() -> None:
    steps = levels(4000)
    data = CODER.encode(steps)
    assert np.array_equal(CODER.decode(data, 4000)[:, 1:], steps[:, 1:])
    ideal = 4000 * np.log2(SPREAD[2:] * np.sqrt(2 * np.pi * np.e)).sum() / 8
    assert len(data) < ideal * 1.15 + 4000 * 1.3 / 8


def test_a_dimension_that_hardly_varies_is_its_mean() -> None:
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
