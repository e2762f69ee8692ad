"""The turns of a scope as its index has them: when each was said, how long it is, which were said
together, and, term by term, which hold what.

Made of parts: the index of pages, and the tail, which is added anew after each append without
looking at the rest again. Knows nothing of queries or scores.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from optimem.memory.caching import LRU
from optimem.memory.recall.held import Held, counted_once
from optimem.memory.records.page_index import Postings

PAUSE = 6 * 3600.0
"""Seconds after which what is said next belongs to another occasion."""
POSTINGS = 4_000_000
"""Turns of terms that are kept in memory for a scope, of eight bytes each."""
STRIP = 1 << 15
"""Turns that are looked at together: what is computed of them fits a processor's cache."""


class IndexPart(Protocol):
    """Rows of an index, each a turn or a part of one, in columns (R,); see `PageIndex`."""

    @property
    def sequence(self) -> NDArray[np.int64]:
        """The number of each row's turn."""

    @property
    def length(self) -> NDArray[np.uint32]:
        """The words of each row."""

    @property
    def time(self) -> NDArray[np.int64]:
        """When the turn of each row was said, in microseconds; 0 if unknown."""

    def postings(self, term: int) -> Postings:
        """Where a term stands."""


class PlacedPart(NamedTuple):
    """A part, and the place of each of its rows' turns (R,)."""

    part: IndexPart
    places: NDArray[np.int64]


class IndexedTurns:
    """The turns of a scope. `turns` (T,): their numbers, ascending. `time` (T,) int64: when each
    was said, in microseconds, 0 if unknown. `length` (T,) float64: words. A turn's *window* is the
    turn with the one before and the one after it, as far as they were said within `PAUSE`.
    `before`: turns of which the first `kept` come first, unchanged.
    """

    def __init__(
        self,
        turns: NDArray[np.int64],
        time: NDArray[np.int64],
        length: NDArray[np.float64],
        parts: Sequence[PlacedPart],
        before: "IndexedTurns | None" = None,
        kept: int = 0,
    ) -> None:
        self.turns, self.time, self.length = turns, time, length
        self._parts, self._before, self._kept = parts, before, kept
        self._held: LRU[int, Held] = LRU(POSTINGS, lambda held: held.weight)

    @classmethod
    def of(cls, parts: Sequence[IndexPart]) -> "IndexedTurns":
        """The turns of some parts; rows of one turn count as one."""
        turns, places = _numbered(_joined([part.sequence for part in parts], np.int64))
        time = np.zeros(len(turns), np.int64)
        time[places] = _joined([part.time for part in parts], np.int64)
        lengths = _joined([part.length for part in parts], np.float64)
        length = np.bincount(places, lengths, minlength=len(turns)).astype(np.float64)
        ends = np.cumsum([0, *(len(part.sequence) for part in parts)])
        placed = [
            PlacedPart(part, places[start:end])
            for part, start, end in zip(parts, ends[:-1], ends[1:], strict=True)
        ]
        return cls(turns, time, length, placed)

    def with_tail(self, tail: IndexPart) -> "IndexedTurns":
        """These turns and those of the tail, whose first may be the last one here going on."""
        after = IndexedTurns.of([tail])
        if len(self.turns) < 2 or not len(after.turns) or after.turns[0] < self.turns[-1]:
            return IndexedTurns.of([*(part for part, _ in self._parts), tail])
        shared = int(after.turns[0] == self.turns[-1])
        size = len(self.turns) - shared
        length = np.concatenate([self.length[:size], after.length])
        length[size] += self.length[-1] if shared else 0
        return IndexedTurns(
            np.concatenate([self.turns[:size], after.turns]),
            np.concatenate([self.time[:size], after.time]),
            length,
            [PlacedPart(tail, after._parts[0].places + size)],
            before=self,
            kept=size,
        )

    @cached_property
    def together(self) -> NDArray[np.bool_]:
        """(T - 1,): whether the next turn was said within `PAUSE`."""
        if self._before is None:
            return _near(self.time)
        kept = self._before.together[: self._kept - 1]
        return np.concatenate([kept, _near(self.time[self._kept - 1 :])])

    @cached_property
    def mean_length(self) -> float:
        """Words of a turn."""
        return self._words / max(len(self.turns), 1)

    @cached_property
    def mean_window(self) -> float:
        """Words of a window."""
        return self._window_words / max(len(self.turns), 1)

    @cached_property
    def known_times(self) -> tuple[float, float] | None:
        """When the first and the last turn were said, in seconds, of those whose time is known."""
        before = self._before and self._before.known_times
        time = self.time[self._kept :] if before else self.time
        known = time[time != 0] / 1e6
        ends = [*(before or ()), *((known.min(), known.max()) if len(known) else ())]
        return (float(min(ends)), float(max(ends))) if ends else None

    @cached_property
    def _words(self) -> float:
        if self._before is None:
            return float(self.length.sum())
        from_kept = self._before.length[self._kept :].sum()
        return float(self._before._words - from_kept + self.length[self._kept :].sum())

    @cached_property
    def _window_words(self) -> float:
        """The words of all windows together."""
        if self._before is None:
            return self._window_words_from(0)
        last = self._kept - 1  # what comes before it has the windows that it had
        before = self._before
        same = before._window_words - before._window_words_from(last)
        return same + self._window_words_from(last)

    def _window_words_from(self, start: int) -> float:
        length, together = self.length[start:], self.together[start:]
        return float(length.sum() + length[:-1] @ together + length[1:] @ together)

    def strips(self, first: float, last: float) -> NDArray[np.int64]:
        """The strips that may hold a turn of a time, in microseconds, both ends included."""
        return np.flatnonzero((self.latest >= first) & (self.earliest <= last))

    @cached_property
    def earliest(self) -> NDArray[np.int64]:
        """(⌈T / STRIP⌉,): the first time in each strip of turns."""
        return self._of_strips(np.minimum, self._before.earliest if self._before else None)

    @cached_property
    def latest(self) -> NDArray[np.int64]:
        """(⌈T / STRIP⌉,): the last time in each."""
        return self._of_strips(np.maximum, self._before.latest if self._before else None)

    def _of_strips(self, pick: np.ufunc, known: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """`known`: of the turns before, whose whole strips are the same."""
        same = 0 if known is None else self._kept // STRIP
        rest = self.time[same * STRIP :]
        picked = pick.reduceat(rest, np.arange(0, len(rest), STRIP)) if len(rest) else rest
        return picked if known is None else np.concatenate([known[:same], picked])

    def held(self, term: int) -> Held:
        """The turns that hold a term."""
        found = self._held.get(term)
        if found is None:
            found = self._look_up(term)
            self._held.put(term, found)
        return found

    def _look_up(self, term: int) -> Held:
        known = self._before.held(term) if self._before else None
        goes_on = slice(np.searchsorted(known.at, self._kept), None) if known else slice(0)
        ats, counts = ([known.at[goes_on]], [known.counts[goes_on]]) if known else ([], [])
        for part, places in self._parts:
            row, count = part.postings(term)
            if len(row):
                ats.append(places[row])
                counts.append(count)
        found = counted_once(ats, counts)
        if known is None or self._before is None:
            return Held.of(*found, self.together)
        return known.going_on(self._kept, *found, self._before.together, self.together)


def _numbered(sequence: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different numbers, ascending, and the place of each row among them."""
    steps = np.diff(sequence)
    if (steps < 0).any() or not len(sequence):
        turns, places = np.unique(sequence, return_inverse=True)
        return turns, places
    new = np.concatenate([[True], steps > 0])
    return sequence[new], np.cumsum(new) - 1


def _near(time: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each but the first of some turns was said within `PAUSE` of the one before."""
    near: NDArray[np.bool_] = np.diff(time) <= PAUSE * 1e6
    return near


def _joined(columns: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(columns).astype(dtype, copy=False) if columns else np.zeros(0, dtype)
