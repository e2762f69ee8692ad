"""Which turns tell of a day by words that mean it from when they were said: on 10 May, "yesterday"
tells of the 9th, and "two weeks ago" of about 26 April.

By English words and times as they are indexed; no text is read.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimem.text.dates import NUMBERS, WEEKDAYS, DateSpan
from optimem.text.terms import terms

DAY = 86_400.0
LONGEST = 3 * DAY
"""Seconds of a span up to which it is a day and not a week or a month."""
COUNTED = {word: number for word, number in NUMBERS.items() if terms(word) and number > 1}
"""Numbers that are indexed as words."""
LONGEST_AGO = max(8 * 7 * DAY, *(8 * number * DAY for number in COUNTED.values()))
"""Seconds after a day in which turns may tell of it: up to so many weeks ago, or last month."""

Places = NDArray[Any]
Means = Callable[[Places], NDArray[np.bool_]]
"""Whether words mean the day, said on some days (numbered from the epoch on)."""


def told(
    span: DateSpan, time: NDArray[np.float64], holding: Callable[[int], Places]
) -> Iterator[tuple[str, Places]]:
    """Phrases, each with the places of the turns that hold its words and, said when they were, mean
    a day of the span by it. `time` (T,): of turns, in seconds since the epoch. `holding`: the
    places of the turns that hold a term, ascending."""
    if span.end - span.start > LONGEST:
        return
    day = int((span.start + span.end) / 2 // DAY)
    weekday = (day + 3) % 7  # the epoch was a Thursday

    def at(words: str, means: Means) -> tuple[str, Places]:
        found, *others = [holding(term) for term in terms(words)]
        for each in others:
            found = np.intersect1d(found, each, assume_unique=True)
        return words, found[means(np.floor(time[found] / DAY).astype(np.int64))]

    def back(least: int, most: int) -> Means:
        return lambda said: (said - day >= least) & (said - day <= most)

    yield at("today", back(0, 0))
    yield at("tonight", back(0, 0))
    yield at("yesterday", back(1, 1))
    yield at("last night", back(1, 1))
    yield at(WEEKDAYS[weekday], back(1, 7))
    if weekday >= 5:
        yield at("weekend", back(1, 8))
    yield at("last week", lambda said: (said + 3) // 7 - (day + 3) // 7 == 1)
    yield at("last month", lambda said: _month(said) - _month(day) == 1)
    yield at("month ago", back(23, 37))
    numbered = np.concatenate([holding(terms(word)[0]) for word in COUNTED])
    words, week = at("week ago", back(6, 8))
    yield words, np.setdiff1d(week, numbered)
    for word, number in COUNTED.items():
        yield at(f"{word} days ago", back(number, number))
        yield at(f"{word} weeks ago", back(6 * number, 8 * number))


def _month(day: Places | int) -> Places:
    """The number of a day's month."""
    return np.asarray(day, "datetime64[D]").astype("datetime64[M]").astype(np.int64)
