"""Vectors of many pages come back as they were packed, at their place alone."""

import numpy as np
import pytest

from optimem.errors import FormatError
from optimem.memory.records.records import PageKey, Position
from optimem.memory.records.vector_segments import pack_vector_segment, vector_segment_reader
from optimem.memory.records.vectors import ModelMark, PageVectors
from optimem.memory.records.word_secret import make_word_secret
from optimem.testing import InMemoryStore


def vectors(first: list[int], mark: ModelMark, *, whole: bool = True) -> PageVectors:
    bits = np.arange(len(first) * len(mark.bits), dtype=np.uint8)
    starts = np.array(first, np.int64)
    return PageVectors(mark, starts, starts + 2, bits.reshape(len(first), len(mark.bits)), whole)


ONE, OTHER = ModelMark(16, b"mo"), ModelMark(300, b"other")
SEGMENT = {
    PageKey(Position(0, 0), "aa" * 8): vectors([0, 3, 3], ONE),
    PageKey(Position(4, 17), "bb" * 8): vectors([], ONE, whole=False),
    PageKey(Position(4, 90), "cc" * 8): vectors([4, 1 << 39], OTHER),
}


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


def test_they_come_back_as_they_were(store: InMemoryStore) -> None:
    packed = pack_vector_segment(SEGMENT, b"place", make_word_secret(store))
    found = vector_segment_reader(store)(packed, b"place")
    assert list(found) == list(SEGMENT)
    for key, page in SEGMENT.items():
        assert (found[key].mark, found[key].whole) == (page.mark, page.whole)
        for column in ("first", "last", "bits"):
            assert getattr(found[key], column).tolist() == getattr(page, column).tolist()
    with pytest.raises(FormatError):
        vector_segment_reader(store)(packed, b"elsewhere")
    with pytest.raises(FormatError):
        vector_segment_reader(InMemoryStore())(packed, b"place")


def test_damage_is_named(store: InMemoryStore) -> None:
    packed = pack_vector_segment(SEGMENT, b"p", make_word_secret(store))
    read = vector_segment_reader(store)
    for at in range(len(packed)):
        with pytest.raises(FormatError):
            read(packed[:at], b"p")
        with pytest.raises(FormatError):
            read(packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :], b"p")
