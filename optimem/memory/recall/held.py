"""Which turns of a scope hold a term, and how many windows that makes.

By places of turns alone. Knows neither the index that tells them nor what a term is.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

DENSE = 16
"""A term is also marked at all turns if more than one in so many holds it: to add to all turns then
takes less time than to add to those."""

Places = NDArray[np.int32]
Counts = NDArray[np.float32]
Marks = NDArray[np.bool_]


class Held(NamedTuple):
    """The turns that hold a term. `at` (n,): their places, ascending. `counts` (n,): how often each
    holds it. `windows`: how many turns hold it in their windows. `marked` (T,): which turns hold
    it, if they are many."""

    at: Places
    counts: Counts
    windows: int
    marked: Marks | None = None

    @classmethod
    def of(cls, at: Places, counts: Counts, together: Marks) -> "Held":
        """The same, counted. `together` (T - 1,): which turns share windows with the next."""
        if len(at) * DENSE <= len(together):
            return cls(at, counts, _windows_from(0, at, together))
        marked = np.zeros(len(together) + 1, bool)
        marked[at] = True
        around = marked.copy()
        around[1:] |= marked[:-1] & together
        around[:-1] |= marked[1:] & together
        return cls(at, counts, int(np.count_nonzero(around)), marked)

    def going_on(
        self, kept: int, at: Places, counts: Counts, before: Marks, together: Marks
    ) -> "Held":
        """These turns, of which the first `kept` are kept, and others after them, at `at`.
        `before`, `together`: which were together, and which are."""
        first = kept - 1  # turns before have the windows that they had
        stay = int(np.searchsorted(self.at, kept))
        marked = self.marked
        if marked is not None:
            marked = np.concatenate([marked[:kept], np.zeros(len(together) + 1 - kept, bool)])
            marked[at] = True
        if len(at) or stay < len(self.at):
            at = np.concatenate([self.at[:stay], at])
            counts = np.concatenate([self.counts[:stay], counts])
        else:
            at, counts = self.at, self.counts
        gone = _windows_from(first, self.at, before)
        return Held(at, counts, self.windows - gone + _windows_from(first, at, together), marked)

    @property
    def weight(self) -> int:
        """What it takes in memory, in postings of eight bytes."""
        return len(self.at) + 1 + (0 if self.marked is None else len(self.marked) // 8)


def counted_once(
    at: Sequence[NDArray[Any]], counts: Sequence[NDArray[Any]]
) -> tuple[Places, Counts]:
    """Places (n,), ascending, with their counts, those of one place added up."""
    places = _joined(at, np.int32)
    count = _joined(counts, np.float32)
    if (np.diff(places) > 0).all():
        return places, count
    once, which = np.unique(places, return_inverse=True)
    return once, np.bincount(which, count).astype(np.float32)


def _windows_from(start: int, at: Places, together: Marks) -> int:
    """How many turns from a place on have one of those `at` in their windows."""
    at = at[np.searchsorted(at, start - 1) :]
    before = at[at > 0] - 1
    after = at[at < len(together)]
    places = np.concatenate([at, before[together[before]], after[together[after]] + 1])
    return len(np.unique(places[places >= start]))


def _joined(columns: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(columns).astype(dtype, copy=False) if columns else np.zeros(0, dtype)
