"""What speaks for the turns of a long scope, roughly: a sum of what the stages look at, for a strip
of turns at a time. 0 for a turn for which nothing speaks.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.recall.indexed_turns import STRIP
from optimem.memory.recall.stages import DAY, Query, nearness
from optimem.memory.recall.told_days import LONGEST_AGO, told
from optimem.text.dates import DateSpan

ALIKE = 0.5
"""What a word that means much the same counts of what it would in the stages."""
NAMED, TOLD = 0.5, 1.0
"""What speaks for a turn of a person named, and for one that tells of the day asked for."""


class Claim(NamedTuple):
    """Something that speaks for some turns. `at` (n,): their places, ascending. `weight`: how much,
    of all or of each, (n,). `marked` (T,): which these turns are, if that is known."""

    at: NDArray[Any]
    weight: NDArray[np.float32] | np.float32
    marked: NDArray[np.bool_] | None = None


class _Strips:
    """A claim on strips of turns. `starts`, `ends` (K,): the places at which they start and end."""

    def __init__(self, claim: Claim, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        self._claim, self._starts, self._ends = claim, starts.tolist(), ends.tolist()
        if claim.marked is None:  # looked up as the kind of number that they are, or all are copied
            self._first = claim.at.searchsorted(starts.astype(claim.at.dtype)).tolist()
            self._last = claim.at.searchsorted(ends.astype(claim.at.dtype)).tolist()

    def add_to(self, total: NDArray[np.float32], strip: int) -> None:
        """Add it to the support of the turns of a strip."""
        at, weight, marked = self._claim
        start = self._starts[strip]
        if marked is not None:
            total += marked[start : self._ends[strip]] * weight
            return
        first, last = self._first[strip], self._last[strip]
        if first < last:
            of_each = weight[first:last] if isinstance(weight, np.ndarray) else weight
            total[at[first:last] - start] += of_each


class Support:
    """What speaks for the turns that a query may find: its terms and those of words that mean much
    the same, in them and in their windows, by rarity, whom it names, when they were said, of which
    day they tell, and, if that is known, what they mean: `meant`."""

    def __init__(self, query: Query, meant: Claim | None = None) -> None:
        self._query, self._indexed = query, query.ranker.indexed
        size = len(self._indexed.turns)
        starts = np.arange(0, size, STRIP)
        ends = np.minimum(starts + STRIP, size)
        around = np.maximum(starts - 1, 0), np.minimum(ends + 1, size)
        others = [*self._of_names(), *self._of_days(), *([meant] if meant else [])]
        self._words = [_Strips(claim, *around) for claim in self._of_words()]
        self._others = [_Strips(claim, starts, ends) for claim in others]
        self._dates = [(span, self._near(span)) for span in query.dates]

    def of_strip(self, strip: int) -> NDArray[np.float32]:
        """What speaks for each turn of a strip, (n,)."""
        first = strip * STRIP
        time = self._indexed.time[first : first + STRIP]
        support = self._of_windows(first, first + len(time), strip)
        for claim in self._others:
            claim.add_to(support, strip)
        for span, near in self._dates:
            if near[strip]:
                support += nearness(span, time / 1e6) * (time != 0)
        return support

    def _of_windows(self, first: int, last: int, strip: int) -> NDArray[np.float32]:
        """What the words of turns and of their neighbours say, those of its own twice, (n,)."""
        together = self._indexed.together
        start, end = max(first - 1, 0), min(last + 1, len(together) + 1)
        near = together[start : end - 1]
        own = np.zeros(end - start, np.float32)
        for claim in self._words:
            claim.add_to(own, strip)
        total = 2 * own
        total[1:] += own[:-1] * near
        total[:-1] += own[1:] * near
        return total[first - start : last - start]

    def _of_words(self) -> Iterator[Claim]:
        wanted = self._query.wanted
        words = max(sum(wanted.values()), 1.0)
        other = {term: n * ALIKE for near in self._query.alike.values() for term, n in near.items()}
        counts = other | wanted
        for term, rarity in self._query.ranker.rarity(counts).items():
            yield self._of_term(term, counts[term] * rarity / words)

    def _of_names(self) -> Iterator[Claim]:
        for said in self._query.speakers.values():
            for term in said:
                yield self._of_term(term, NAMED)

    def _of_term(self, term: int, weight: float) -> Claim:
        held = self._indexed.held(term)
        return Claim(held.at, np.float32(weight), held.marked)

    def _of_days(self) -> Iterator[Claim]:
        """The turns that tell of a day, which were said not long after it."""
        indexed = self._indexed
        for span in self._query.dates:
            strips = indexed.strips(1e6 * (span.start - DAY), 1e6 * (span.end + LONGEST_AGO))
            if not len(strips):
                continue
            first, last = strips[0] * STRIP, (strips[-1] + 1) * STRIP

            def holding(term: int, first: int = first, last: int = last) -> NDArray[np.int32]:
                at = indexed.held(term).at
                start, end = np.searchsorted(at, (first, last))
                return at[start:end] - first

            for _, places in told(span, indexed.time[first:last] / 1e6, holding):
                if len(places):
                    yield Claim(places + first, np.float32(TOLD))

    def _near(self, span: DateSpan) -> NDArray[np.bool_]:
        """(K,): which strips may hold a turn that was said near a span."""
        indexed = self._indexed
        ends = indexed.earliest / 1e6, indexed.latest / 1e6
        over = (ends[0] <= span.end) & (ends[1] >= span.start)
        near: NDArray[np.bool_] = (
            over | (nearness(span, ends[0]) > 0) | (nearness(span, ends[1]) > 0)
        )
        return near
