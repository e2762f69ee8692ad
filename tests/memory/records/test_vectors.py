"""Vectors come back as they were packed, at their place alone, and say how near turns are."""

from collections.abc import Callable

import numpy as np
import pytest

from optimem.errors import FormatError
from optimem.memory.records.vectors import (
    ModelMark,
    PageVectors,
    pack_vectors,
    vectors_reader,
)
from optimem.memory.records.word_secret import make_word_secret
from optimem.testing import InMemoryStore

ONES, ZEROS = b"\xff\xff", b"\0\0"


def page(*rows: tuple[int, int, bytes], whole: bool = True) -> PageVectors:
    first, last = (np.array([row[at] for row in rows], np.int64) for at in (0, 1))
    bits = np.frombuffer(b"".join(row[2] for row in rows), np.uint8).reshape(-1, 2)
    return PageVectors(ModelMark(16, b"mo"), first, last, bits, whole)


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("rows", [[], [(3, 3, ONES)], [(0, 2, ONES), (2, 1 << 39, ZEROS)]])
def test_vectors_come_back_as_they_were(
    store: InMemoryStore, rows: list[tuple[int, int, bytes]], whole: bool
) -> None:
    packed = pack_vectors(page(*rows, whole=whole), b"place", make_word_secret(store))
    found = vectors_reader(store)(packed, b"place")
    assert (found.mark, found.whole) == (ModelMark(16, b"mo"), whole)
    assert list(zip(found.first, found.last, map(bytes, found.bits), strict=True)) == rows
    with pytest.raises(FormatError):
        vectors_reader(store)(packed, b"elsewhere")
    with pytest.raises(FormatError):
        vectors_reader(InMemoryStore())(packed, b"place")


def test_damage_is_named(store: InMemoryStore) -> None:
    packed = pack_vectors(page((0, 2, ONES), (3, 3, ZEROS)), b"p", make_word_secret(store))
    read: Callable[[bytes, bytes], PageVectors] = vectors_reader(store)
    for at in range(len(packed)):
        with pytest.raises(FormatError):
            read(packed[:at], b"p")
        with pytest.raises(FormatError):
            read(packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :], b"p")


def test_stored_bits_do_not_show(store: InMemoryStore) -> None:
    rows = [(at, at, bytes([at, 255 - at])) for at in range(64)]
    packed = pack_vectors(page(*rows), b"p", make_word_secret(store))
    assert page(*rows).bits.tobytes()[:16] not in packed


def test_passages_with_a_turn_go_with_it_and_are_missed() -> None:
    every = page((1, 2, ONES), (3, 3, ZEROS), (4, 6, ONES))
    kept = every.without([2, 5])
    assert (kept.first.tolist(), kept.bits.tobytes(), kept.whole) == ([3], ZEROS, False)
    assert every.without([99]).whole
    part = every.of_turns({3, 4, 5})
    assert (part.first.tolist(), part.whole) == ([3, 4], True)
