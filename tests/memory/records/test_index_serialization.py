"""The words of a page come back as they were."""

import numpy as np

from optimem.memory.recall.retrieval import index_page
from optimem.memory.records import index_serialization

PLACE, SECRET = b"where it is stored", bytes(32)


def test_index_entries_come_back() -> None:
    index = index_page([(3, "alpha beta beta"), (4, "gamma alpha")])
    again = index_serialization.unpack_index(
        index_serialization.pack_index(index, PLACE, SECRET), PLACE, SECRET
    )
    for name in ("sequence", "length", "term", "row", "count"):
        assert np.array_equal(getattr(again, name), getattr(index, name)), name


def test_an_empty_index_entry_comes_back() -> None:
    again = index_serialization.unpack_index(
        index_serialization.pack_index(index_page([]), PLACE, SECRET), PLACE, SECRET
    )
    assert (again.sequence.size, again.term.size) == (0, 0)
