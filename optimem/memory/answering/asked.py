"""A question as answers are compared with it: what it asks for, by which words, of whom and when.

Knows nothing of what was recalled.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from optimem.memory.recall.stages import UNRELATED, Query
from optimem.text.alike import bits, with_alike
from optimem.text.answer_types import ASKING, AnswerType, asked_for
from optimem.text.dates import DateSpan

NOTHING, ALL = 6.0, 14.0
"""Bits that a word tells which says nothing of what is asked, and which counts in full."""
LITTLE = 0.2
"""What a word counts at least."""
LATEST = frozenset({"now", "today", "latest", "current", "currently", "still", "nowadays"})
"""Words of a question for what is."""
FIRST = frozenset({"first", "originally", "initially", "before", "once", "formerly", "earlier"})
"""Words of a question for what was."""

_THESE_DAYS = re.compile(r"\b(?:is|are|does|do|has|have)\b.*\btoday\b", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """A question, as far as answers are compared with it. `weights`: of its terms."""

    query: Query
    weights: Mapping[int, float]

    @cached_property
    def type(self) -> AnswerType | None:
        """What it asks for."""
        return asked_for(self.query.text)

    @cached_property
    def content(self) -> dict[int, float]:
        """The weights of the terms without the words by which it asks, those of words that tell
        little in any text lowered: a short memory does not show that "place" is a common word."""
        asking = {term for term, word in self.query.words.items() if ASKING.fullmatch(word.lower())}
        return {t: weight * _telling(t) for t, weight in self.weights.items() if t not in asking}

    @cached_property
    def likes(self) -> dict[int, dict[int, float]]:
        """Of each such term, itself and those of words that mean much the same, with how much each
        counts."""
        return {term: with_alike(term) for term in self.content}

    @cached_property
    def alike(self) -> frozenset[int]:
        """All of these."""
        return frozenset(term for likes in self.likes.values() for term in likes)

    @cached_property
    def names(self) -> re.Pattern[str] | None:
        """The speakers that it names, where something is said of them: "Ann likes", "Ann's cat",
        but not "Bye, Ann!". None if it names nobody."""
        names = "|".join(map(re.escape, self.query.speakers))
        return re.compile(rf"\b(?:{names})(?:['’]s)?\s+\w", re.IGNORECASE) if names else None

    def nearness(self, turn: int) -> float:
        """How near a turn, by its number, is to it in meaning, from 0 for nothing in common to 1;
        0 if that is not known."""
        turns, near = self.query.ranker.turns, self.query.nearness
        at = int(np.searchsorted(turns, turn))
        if near is None or at == len(turns) or turns[at] != turn:
            return 0.0
        return max(float(near[at]) - UNRELATED, 0.0) / (1 - UNRELATED)

    @cached_property
    def dates(self) -> list[DateSpan]:
        """The spans of time that it names, without a "today" that means "these days"."""
        now = _THESE_DAYS.search(self.query.text)
        return [each for each in self.query.dates if not now or each.text.lower() != "today"]

    @cached_property
    def first(self) -> bool:
        """Whether it asks for what was first rather than for what is."""
        words = self._plain
        return bool(words & FIRST) and not words & LATEST

    @cached_property
    def says_which(self) -> bool:
        """Whether it says that it asks for the first or the latest."""
        return bool(self._plain & (FIRST | LATEST))

    @cached_property
    def said(self) -> frozenset[int]:
        """The terms that anybody in the scope says."""
        return frozenset(term for term in self.content if self.query.ranker.frequency(term))

    @cached_property
    def _plain(self) -> set[str]:
        return {word.lower().strip("?.,!") for word in self.query.text.split()}


def _telling(term: int) -> float:
    """What a word counts by what it tells in English at large."""
    return min(max((bits(term) - NOTHING) / (ALL - NOTHING), LITTLE), 1.0)
