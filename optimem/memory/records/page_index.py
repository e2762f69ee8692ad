"""The words of a page, or of several together, as columns of numbers. Knows nothing of bytes, and
not what a word is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Postings(NamedTuple):
    """Where a term stands. `rows` (n,): of the index, ascending. `counts` (n,): how often."""

    rows: NDArray[Any]
    counts: NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class PageIndex:
    """The words of a page, one row per span. `sequence` (R,) int64: the row's turn. `length`
    (R,) uint32: its number of words. `time` (R,) int64: of the turn, in microseconds since the
    epoch, 0 if unknown. Postings, sorted by term: `term` (P,) uint32 hash of a word or of a
    speaker's name, `row` (P,) uint32, `count` (P,) uint16.
    """

    sequence: NDArray[np.int64]
    length: NDArray[np.uint32]
    term: NDArray[np.uint32]
    row: NDArray[np.uint32]
    count: NDArray[np.uint16]
    time: NDArray[np.int64]

    def postings(self, term: int) -> Postings:
        """Where a term stands."""
        wanted = np.array([term], np.uint32)
        first = int(np.searchsorted(self.term, wanted, "left")[0])
        last = int(np.searchsorted(self.term, wanted, "right")[0])
        return Postings(self.row[first:last], self.count[first:last])

    def rows(self, kept: NDArray[np.bool_]) -> "PageIndex":
        """Some rows (R,) with their postings."""
        postings, rows = kept[self.row], np.cumsum(kept) - 1
        return PageIndex(
            sequence=self.sequence[kept],
            length=self.length[kept],
            term=self.term[postings],
            row=rows[self.row[postings]].astype(np.uint32),
            count=self.count[postings],
            time=self.time[kept],
        )

    def of_turns(self, numbers: Collection[int]) -> "PageIndex":
        """The rows of some turns."""
        return self.rows(np.isin(self.sequence, list(numbers)))


def joined_index(indexes: Sequence[PageIndex]) -> PageIndex:
    """Several indexes as one, their rows in order."""
    if len(indexes) == 1:
        return indexes[0]
    first = np.cumsum([0, *(len(index.sequence) for index in indexes)])
    rows = [
        index.row.astype(np.uint32) + np.uint32(start)
        for index, start in zip(indexes, first[:-1], strict=True)
    ]
    term = _column([index.term for index in indexes], np.uint32)
    order = np.argsort(term, kind="stable")
    return PageIndex(
        sequence=_column([index.sequence for index in indexes], np.int64),
        length=_column([index.length for index in indexes], np.uint32),
        term=term[order],
        row=_column(rows, np.uint32)[order],
        count=_column([index.count for index in indexes], np.uint16)[order],
        time=_column([index.time for index in indexes], np.int64),
    )


def _column(columns: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(columns).astype(dtype) if columns else np.zeros(0, dtype)
