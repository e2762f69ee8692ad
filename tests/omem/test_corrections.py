"""What a page's tokens misread is named, packed into few bytes, and put right when it is read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimem.omem.corrections import (
    DISTRUST,
    MARGIN,
    NEAR,
    Corrections,
    find_corrections,
    proven,
    text_digest,
)
from optimem.protocols import ReadCells, Reading

UNCERTAIN = 0.5


def cells(text: str, *probability: float) -> ReadCells:
    ids = np.array([ord(char) for char in text], np.uint16)
    return ReadCells(ids, np.array(probability or [1.0] * len(text), np.float32))


def find(drawn: ReadCells, read: ReadCells, kept: str | None) -> dict[int, int]:
    mask = None if kept is None else np.array([c == "k" for c in kept])
    found = find_corrections(drawn, read, mask, UNCERTAIN)
    return dict(zip(found.cells.tolist(), found.symbols.tolist(), strict=True))


@given(st.dictionaries(st.integers(0, 999), st.integers(-1, 0x110000)), st.integers(1000, 12_800))
def test_corrections_come_back_from_their_bytes(named: dict[int, int], size: int) -> None:
    places = sorted(named)
    symbols = np.array([named[place] for place in places], np.int64)
    packed = Corrections(np.array(places, np.int64), symbols).pack(size)
    again = Corrections.unpack(packed, size)
    assert (again.cells.tolist(), again.symbols.tolist()) == (places, symbols.tolist())
    assert bool(packed) == bool(named)


def test_a_hundred_of_a_page_take_little_more_than_a_byte_each() -> None:
    rng = np.random.default_rng(3)
    places = np.sort(rng.choice(12_800, 100, replace=False))
    letters = rng.choice([ord(c) for c in "etaoinshrdlu"], 100)
    assert len(Corrections(places, letters).pack(12_800)) < 175


@given(st.binary(min_size=1, max_size=60), st.integers(1, 500))
def test_any_bytes_are_corrections_or_refused(data: bytes, size: int) -> None:
    try:
        found = Corrections.unpack(data, size)
    except ValueError:
        return
    assert ((found.cells >= 0) & (found.cells < size)).all()


def test_kept_cells_are_named_where_they_read_wrong_or_without_a_margin() -> None:
    read = cells("abXd", 1, MARGIN - 0.01, 0.99, MARGIN + 0.01)
    assert find(cells("abcd"), read, "kkkk") == {1: ord("b"), 2: ord("c")}


def test_other_cells_are_named_as_doubtful_where_a_reader_would_be_misled() -> None:
    near = UNCERTAIN - NEAR
    read = cells("XXXd", 0.99, near + 0.01, near - 0.01, 0.3)
    assert find(cells("abcd"), read, "----") == {0: -1, 1: -1}


def test_cells_that_another_machine_may_read_otherwise_are_named_unless_nothing_is_kept() -> None:
    above, below = UNCERTAIN + NEAR - 0.01, UNCERTAIN - NEAR + 0.01
    read = cells("abcd", 1, above, below, above + 0.02)
    assert find(cells("abcd"), read, "----") == {1: ord("b"), 2: ord("c")}
    assert find(cells("abcd"), read, None) == {}


def test_a_guess_is_never_named_as_certain() -> None:
    drawn = cells("abc", 1, MARGIN - 0.01, 0.1)
    assert find(drawn, cells("XXc"), "kkk") == {0: ord("a"), 1: -1, 2: -1}


def test_named_cells_are_certain_and_doubtful_ones_are_not() -> None:
    found = Corrections(np.array([0, 2]), np.array([ord("A"), -1]))
    read = cells("abc", 0.4, 0.9, 0.8)
    fixed = found.apply(read)
    assert fixed.ids.tolist() == [ord(c) for c in "Abc"]
    assert fixed.probability.tolist() == pytest.approx([1, 0.9, 0])
    assert read.ids[0] == ord("a")  # what was read, perhaps from a cache, is as it was


def test_a_digest_proves_a_text_and_what_it_refuses_is_marked() -> None:
    probability = np.array([0.97, 0.4, DISTRUST - 0.01], np.float32)
    reading = Reading("abc", probability, np.arange(3))
    read, exact = proven(reading, text_digest("abc"), complete=True)
    assert (exact, read.probability.tolist()) == (True, [1, 1, 1])
    read, exact = proven(reading, text_digest("xyz"), complete=True)
    assert (exact, read.marked(UNCERTAIN)) == (False, "a\ufffd\ufffd")
    read, exact = proven(reading, text_digest("xyz"), complete=False)
    assert (exact, read.marked(UNCERTAIN)) == (False, "a\ufffdc")


def test_where_all_is_sure_and_the_digest_refuses_it_the_least_sure_is_marked() -> None:
    reading = Reading("abc", np.array([1, 0.99, 1], np.float32), np.arange(3))
    read, _ = proven(reading, text_digest("xyz"), complete=True)
    assert read.marked(UNCERTAIN) == "a\ufffdc"
    empty = Reading("", np.ones(0, np.float32), np.zeros(0, np.int64))
    assert proven(empty, text_digest("x"), complete=True) == (empty, False)
