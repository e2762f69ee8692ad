"""The words of a page come back as they were."""

import numpy as np
import pytest

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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int64])
@pytest.mark.parametrize("many", [1, 10_000])
def test_numbers_come_back_from_their_planes(
    dtype: type[np.generic], many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_serialization, "MANY", many)
    ends = np.iinfo(dtype)  # type: ignore[type-var]
    for numbers in ([], [0, 3, 0], [ends.min, ends.max, 1, 200]):
        array = np.array(numbers, dtype)
        data = index_serialization.planes(array)
        again = index_serialization.from_planes(data, dtype, len(array))
        assert (again.dtype, again.tolist()) == (array.dtype, numbers)
        with pytest.raises(ValueError, match="reshape"):
            index_serialization.from_planes(data + b"x", dtype, len(array))
