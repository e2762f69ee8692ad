"""A table of vectors knows how near turns are, and finds the nearest among many."""

import numpy as np
import pytest

from optimem.memory.recall import vector_table
from optimem.memory.recall.vector_table import VectorTable
from optimem.memory.records.vectors import ModelMark, PageVectors

ONES, ZEROS = b"\xff\xff", b"\0\0"


def page(*rows: tuple[int, int, bytes]) -> PageVectors:
    first, last = (np.array([row[at] for row in rows], np.int64) for at in (0, 1))
    bits = np.frombuffer(b"".join(row[2] for row in rows), np.uint8).reshape(-1, 2)
    return PageVectors(ModelMark(16, b"mo"), first, last, bits)


def test_a_turn_is_as_near_as_its_nearest_stretch() -> None:
    direction = np.full(16, 0.25, np.float32)
    turns = np.array([1, 2, 3, 5, 9])
    pages = [page((1, 2, ONES), (2, 4, ZEROS)), page((5, 5, ZEROS))]
    table = VectorTable.of(pages, 2)
    assert table.cosines(turns, direction).tolist() == [1.0, 1.0, -1.0, -1.0, -1.0]
    half = VectorTable.of([page((9, 9, b"\xff\0"))], 2).cosines(turns, direction)
    assert half[-1] == pytest.approx(0)
    empty = VectorTable.of([], 2)
    assert empty.cosines(turns[:0], direction).tolist() == []
    assert empty.cosines(turns, direction).tolist() == [-1.0] * 5
    assert empty.nearest(turns, direction).at.tolist() == []


def test_pages_on_which_a_turn_goes_on_need_not_be_in_order() -> None:
    direction = np.full(16, 0.25, np.float32)
    table = VectorTable.of([page((1, 1, ZEROS), (4, 6, ONES)), page((3, 9, ZEROS))], 2)
    turns = np.array([1, 2, 3, 4, 6, 7, 9, 10])
    found = table.cosines(turns, direction).tolist()
    assert found == [-1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0, -1.0]
    near = table.nearest(turns, direction)
    assert near.at.tolist() == [0, 2, 3, 4, 5, 6]
    assert near.cosines.tolist() == [-1.0, -1.0, 1.0, 1.0, -1.0, -1.0]


@pytest.mark.parametrize("width", [3, 24])
def test_the_nearest_of_many_are_found(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_table, "NEAREST", 64)
    monkeypatch.setattr(vector_table, "STRIP", 100)
    drawn = np.random.default_rng(width)
    direction = drawn.standard_normal(8 * width).astype(np.float32)
    direction /= np.linalg.norm(direction)
    signs = drawn.standard_normal((2000, 8 * width)) + drawn.random((2000, 1)) * direction * 20 > 0
    first = np.arange(0, 4000, 2)
    mark, bits = ModelMark(8 * width, b"m"), np.packbits(signs, axis=1)
    pages = [
        PageVectors(mark, first[at : at + 50], first[at : at + 50] + 1, bits[at : at + 50])
        for at in range(0, 2000, 50)
    ]
    table, turns = VectorTable.of(pages, width), np.arange(0, 4000, 3)
    every = table.cosines(turns, direction)
    best = turns[np.argsort(-every, kind="stable")[:10]]
    near = table.nearest(turns, direction)
    assert len(near.at) < 400
    assert near.cosines.tolist() == every[near.at].tolist()
    assert set(best) <= set(turns[near.at])
