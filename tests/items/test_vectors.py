"""Vectors in a byte a value: what is lost, what is refused, and how a model is recognised."""

from contextlib import closing

import numpy as np
import pytest

from optimem.errors import FormatError, InputError
from optimem.items.vectors import MODEL_BYTES, ItemVectors, cosines, find_model, quantise
from optimem.store import open_store
from optimem.turns import Scope

HERE = Scope(session="s")
MADE = np.random.default_rng(5)


def test_cosines_are_kept_to_a_hundredth() -> None:
    vectors, query = MADE.normal(size=(200, 384)), MADE.normal(size=384)
    exact = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    found = cosines(quantise(vectors.tolist(), 384), quantise([query.tolist()], 384))
    assert np.abs(found - exact).max() < 0.01


def test_vectors_of_zeros_match_nothing() -> None:
    assert cosines(quantise([[0.0, 0.0], [0.0, 1e-30]], 2), quantise([[0, 3]], 2)).tolist() == [
        0.0,
        pytest.approx(1.0),
    ]


@pytest.mark.parametrize(
    ("vectors", "message"),
    [([[1.0, 2.0]], "of 2 values, not 3"), ([[1.0, float("nan"), 0.0]], "not finite")],
)
def test_what_a_model_may_not_give(vectors: list[list[float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        quantise(vectors, 3)


def test_they_come_back_and_damage_is_named() -> None:
    kept = ItemVectors(b"m" * MODEL_BYTES, quantise([[1, -2, 3], [4, 5, 6]], 3))
    read = ItemVectors.parse(kept.pack())
    assert (read.model, read.rows.tolist()) == (kept.model, kept.rows.tolist())
    for data in (kept.pack()[:-1], kept.pack()[: MODEL_BYTES + 4], b""):
        with pytest.raises(FormatError, match="not vectors"):
            ItemVectors.parse(data)


def test_a_model_is_known_again_although_its_server_rounds_and_another_is_not() -> None:
    one, other = MADE.normal(size=64), MADE.normal(size=64)
    with closing(open_store(":memory:")) as store:
        first = find_model(store, HERE, quantise([one.tolist()], 64))
        assert find_model(store, HERE, quantise([(one + 1e-3).tolist()], 64)) == first
        assert find_model(store, HERE, quantise([other.tolist()], 64)) != first
        assert find_model(store, HERE, quantise([one[:32].tolist()], 32)) != first
        assert len(store.entries(HERE)) == 3
