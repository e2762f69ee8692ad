"""Why a turn may answer a query, one reason to a stage: its words, the words around it, words that
mean much the same, who said it, when it was said, of which day it tells, what it means. Stages
score every turn of a scope from 0 to 1; `find` adds the scores up.

A stage sees what is indexed and nothing else, so that no page is read before turns are chosen. A
further one is one more object with a name, a weight and two methods.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from optimem.memory.recall.retrieval import K1, B, TurnRanker
from optimem.memory.recall.told_days import told
from optimem.results import Reason
from optimem.text.alike import alike, with_alike
from optimem.text.answer_types import ASKING
from optimem.text.dates import DateSpan, find_dates
from optimem.text.terms import STOP_WORDS, name_terms, query_words, role_term, terms

DAY = 86_400.0
NAME_WEIGHT = 0.25
"""What the name of one who speaks here counts as a word of a text: others call a person by name, so
the word points to what was said to that person as often as to what that person said."""
DATE_WORD_WEIGHT = 0.25
"""What a word of a date that is looked for as such counts as a word of a text."""
SATURATION = 2.5
"""A word said once in a turn of mean length adds 1 / SATURATION of its rarity, K1 being 1.5."""
AFTER, BEFORE = 7 * DAY, DAY
"""Seconds after and before a date in which what is said of it falls to 1/e. People tell what was
rather than what will be."""
LONG_SPAN = 0.25
"""Of a span's own length, if that is longer than these."""
UNRELATED = 0.1
"""The cosine up to which texts have nothing to do with each other."""
STRANGE = 0.5
"""What is left of the score of a turn that nothing selects, if its meaning is known too."""
MOST_ALIKE = 1 << 16
"""Turns of a scope up to which words that mean much the same are looked for, too: each word of a
question has some twenty, and of a longer scope all their postings would be read."""
CERTAIN = 0.5
"""Score of a stage from which on its reason is named."""


@dataclass(frozen=True)
class Query:
    """A question put to the turns of a `ranker`. `now`: when, in seconds since the epoch.
    `nearness` (N,): of each turn to it in meaning, as a cosine; None if that is not known."""

    text: str
    now: float
    ranker: TurnRanker
    nearness: NDArray[np.float64] | None = None
    _counts: dict[tuple[int, bool], NDArray[np.float64]] = field(default_factory=dict)

    def counts(self, term: int, *, windows: bool = False) -> NDArray[np.float64]:
        """`TurnRanker.counts`, looked up once for each term."""
        key = (term, windows)
        if key not in self._counts:
            self._counts[key] = self.ranker.counts(term, windows=windows)
        return self._counts[key]

    @cached_property
    def words(self) -> dict[int, str]:
        """The terms of the question, with the word of each."""
        return query_words(self.text)

    @cached_property
    def dates(self) -> list[DateSpan]:
        """The spans of time that it names."""
        first, last = self.ranker.indexed.known_times or (self.now, self.now)
        return find_dates(self.text, self.now, first, last)

    @cached_property
    def speakers(self) -> dict[str, list[int]]:
        """The names in it of people who speak in the scope, with their terms. A word without a
        capital is a name unless it is a function word."""
        found = dict[str, list[int]]()
        for word in self.words.values():
            said = [term for term in name_terms(word) if self.ranker.frequency(term)]
            if said and (word[:1].isupper() or not STOP_WORDS.fullmatch(word)):
                found[word] = said
        return found

    @cached_property
    def alike(self) -> dict[int, dict[int, float]]:
        """Of each term but those of names, dates and words such as "tell", itself and the terms of
        words that mean much the same, with how much each counts; empty for a scope of more than
        `MOST_ALIKE` turns."""
        if len(self.ranker.indexed.turns) > MOST_ALIKE:
            return {}
        said = (*self.speakers, *(date.text for date in self.dates))
        named = {term for each in said for term in terms(each)}
        return {
            term: with_alike(term)
            for term, word in self.words.items()
            if term not in named and not ASKING.fullmatch(word.lower())
        }

    @cached_property
    def wanted(self) -> dict[int, float]:
        """How much each term counts: less for names of those who speak, and for the words of
        dates that are looked for as such."""
        counts = dict.fromkeys(self.words, 1.0)
        for name in self.speakers:
            counts.update(dict.fromkeys(terms(name), NAME_WEIGHT))
        for date in self.dates:
            counts.update(dict.fromkeys(terms(date.text), DATE_WORD_WEIGHT))
        return counts


def sought_terms(text: str, turns: int = 0) -> set[int]:
    """All terms that the stages may look for in a scope of about so many turns: words, those that
    mean much the same, and those that stand for who speaks."""
    words = query_words(text)
    names = {term for word in words.values() for term in name_terms(word)}
    likes = {term for word in words for term, _ in alike(word) if turns <= MOST_ALIKE}
    return names.union(words, likes, map(role_term, _PRONOUNS))


class Stage(Protocol):
    """A reason for which turns are found."""

    @property
    def name(self) -> str:
        """What the reason is called."""

    @property
    def weight(self) -> float:
        """How much its score counts."""

    @property
    def selects(self) -> bool:
        """Whether it is reason enough on its own; another only sorts what was found."""

    def scores(self, query: Query) -> NDArray[np.float64]:
        """(T,): from 0, for no reason, to about 1."""

    def note(self, query: Query, at: int) -> str:
        """The reason for the turn at a place in `query.ranker.turns`, for people."""


@dataclass(frozen=True)
class Words:
    """BM25 of the question's words in each turn, as a share of what they could add up to.
    `windows`: in each turn with its two neighbours."""

    name: str = "words"
    weight: float = 1.0
    windows: bool = False
    selects: bool = True

    def scores(self, query: Query) -> NDArray[np.float64]:
        """The share of the question that each turn matches."""
        wanted, ranker = query.wanted, query.ranker
        most = sum(wanted[t] * rarity for t, rarity in ranker.rarity(wanted).items())
        found = ranker.scores(wanted, windows=self.windows)
        return found * SATURATION / most if most else found

    def note(self, query: Query, at: int) -> str:
        """The words that are there."""
        held = {
            word
            for term, word in query.words.items()
            if query.counts(term, windows=self.windows)[at]
        }
        return ", ".join(word for word in dict.fromkeys(query.words.values()) if word in held)


@dataclass(frozen=True)
class WordsAlike:
    """Words of the question, and those that mean much the same, as BM25 counts one word: by the
    likest of them that a turn holds."""

    name: str = "words alike"
    weight: float = 0.5
    selects: bool = True

    def scores(self, query: Query) -> NDArray[np.float64]:
        """The share of the question that each turn matches in these or in other words."""
        ranker, most = query.ranker, 0.0
        length = ranker.indexed.length[ranker.places] / max(ranker.indexed.mean_length, 1.0)
        damping = K1 * (1 - B + B * length)
        found = np.zeros(len(ranker.turns))
        for counts in query.alike.values():
            held = {term: n for term, n in counts.items() if ranker.frequency(term)}
            rarity = _rarity(sum(n * ranker.frequency(term) for term, n in held.items()), query)
            most += rarity
            best = np.zeros(len(found))
            for term, n in held.items():
                count = query.counts(term)
                np.maximum(best, n * count / (count + damping), out=best)
            found += rarity * best
        return found * SATURATION / most if most else found

    def note(self, query: Query, at: int) -> str:
        """The words of the question that are there in other words."""
        other = {
            word
            for term, word in query.words.items()
            if not query.counts(term)[at]
            and any(query.counts(each)[at] for each in query.alike.get(term, ()))
        }
        return ", ".join(word for word in dict.fromkeys(query.words.values()) if word in other)


def _rarity(frequency: float, query: Query) -> float:
    """The rarity of what so many turns hold, as `TurnRanker.rarity`."""
    total = len(query.ranker.indexed.turns)
    frequency = min(frequency, total)
    return float(np.log1p((total - frequency + 0.5) / (frequency + 0.5)))


@dataclass(frozen=True)
class Speakers:
    """Who said it: those whom the question names; by "I" and "you", who asks and who is asked."""

    name: str = "speaker"
    weight: float = 0.5
    selects: bool = False

    def scores(self, query: Query) -> NDArray[np.float64]:
        """1 for what was said by a person named, half of it by pronoun."""
        found = np.zeros(len(query.ranker.turns))
        for said in query.speakers.values():
            for term in said:
                found = np.maximum(found, np.sign(query.counts(term)))
        if not query.speakers:
            for role, pronouns in _PRONOUNS.items():
                if pronouns & {word.lower() for word in query.text.split()}:
                    found = np.maximum(found, query.counts(role_term(role)) / 2)
        return found

    def note(self, query: Query, at: int) -> str:
        """The name."""
        said = (
            name
            for name, names in query.speakers.items()
            if any(query.counts(term)[at] for term in names)
        )
        return ", ".join(said)


_PRONOUNS = {"user": {"i", "my", "me", "i've", "i'm"}, "assistant": {"you", "your", "you've"}}


@dataclass(frozen=True)
class Dates:
    """When it was said: within a span that the question names, or not long after it."""

    name: str = "date"
    weight: float = 1.0
    selects: bool = True

    def scores(self, query: Query) -> NDArray[np.float64]:
        """1 within a span, less the farther from it."""
        time = query.ranker.time / 1e6
        found = np.zeros(len(time))
        for span in query.dates:
            found = np.maximum(found, nearness(span, time))
        return np.where(query.ranker.time == 0, 0.0, found)

    def note(self, query: Query, at: int) -> str:
        """The span, as the question names it."""
        time = query.ranker.time[at : at + 1] / 1e6
        near = (span.text for span in query.dates if nearness(span, time)[0] >= CERTAIN)
        return ", ".join(dict.fromkeys(near))


@dataclass(frozen=True)
class ToldDays:
    """Whether it tells of a day that the question names: by "yesterday", the day after it."""

    name: str = "day told"
    weight: float = 0.7
    selects: bool = True

    def scores(self, query: Query) -> NDArray[np.float64]:
        """1 for a turn that does."""
        found = np.zeros(len(query.ranker.turns))
        for _, places in self._told(query):
            found[places] = 1.0
        return found

    def note(self, query: Query, at: int) -> str:
        """The words by which it does."""
        return ", ".join(phrase for phrase, places in self._told(query) if at in places)

    def _told(self, query: Query) -> Iterator[tuple[str, NDArray[np.int64]]]:
        for span in query.dates:
            time = query.ranker.time / 1e6
            yield from told(span, time, lambda term: np.flatnonzero(query.counts(term)))


@dataclass(frozen=True)
class Meaning:
    """What it means, as an embedding model sees it."""

    name: str = "meaning"
    weight: float = 0.7
    selects: bool = True

    def scores(self, query: Query) -> NDArray[np.float64]:
        """The cosine, from what unrelated texts have (0) to the same text (1)."""
        if query.nearness is None:
            return np.zeros(len(query.ranker.turns))
        return np.clip((query.nearness - UNRELATED) / (1 - UNRELATED), 0.0, 1.0)

    def note(self, query: Query, at: int) -> str:
        """The cosine."""
        return "" if query.nearness is None else f"{query.nearness[at]:.2f} alike"


def nearness(span: DateSpan, time: NDArray[np.float64]) -> NDArray[np.float64]:
    """How near times are to a span: 1 within it, e⁻¹ after `AFTER` or before `BEFORE`."""
    length = min(span.end - span.start, 365 * DAY) * LONG_SPAN
    late = np.maximum(time - span.end, 0) / max(AFTER, length)
    early = np.maximum(span.start - time, 0) / max(BEFORE, length)
    near: NDArray[np.float64] = np.exp(-late - early)
    return np.where(near < 0.01, 0.0, near)


STAGES: tuple[Stage, ...] = (
    Words(),
    Words("words around it", windows=True, selects=False),
    WordsAlike(),
    Speakers(),
    Dates(),
    ToldDays(),
    Meaning(),
)
"""What turns are found by."""


class Hit(NamedTuple):
    """A turn that was found. `number`: the turn's. `why`: the reasons."""

    number: int
    score: float
    why: list[Reason]


@dataclass(frozen=True)
class Found:
    """What the stages make of a query. `total` (T,): the scores of all turns, 0 for those that
    nothing selects. `loose` (T,): of the others, if the question names people. `parts`: of each
    stage, weighted."""

    query: Query
    total: NDArray[np.float64]
    loose: NDArray[np.float64]
    parts: Sequence[tuple[Stage, NDArray[np.float64]]]

    def best(self, k: int, allowed: NDArray[np.bool_]) -> list[Hit]:
        """Up to `k` of the turns allowed (T,), best first; of equal scores the newest first."""
        return self._hits(self.total, k, allowed)

    def rest(self, k: int, allowed: NDArray[np.bool_]) -> list[Hit]:
        """Up to `k` more, which nothing selects, if the question names people."""
        return self._hits(self.loose, k, allowed)

    def _hits(self, scores: NDArray[np.float64], k: int, allowed: NDArray[np.bool_]) -> list[Hit]:
        scores, ranker = np.where(allowed, scores, 0.0), self.query.ranker
        order = np.lexsort((-ranker.turns, -scores))[:k]
        return [
            Hit(int(ranker.turns[at]), float(scores[at]), self._why(int(at)))
            for at in order
            if scores[at] > 0
        ]

    def _why(self, at: int) -> list[Reason]:
        reasons = list[Reason]()
        for stage, part in self.parts:
            if part[at] > 0 and (stage.selects or part[at] >= CERTAIN * stage.weight):
                note = stage.note(self.query, at)
                reasons.append(Reason(stage=stage.name, score=float(part[at]), note=note))
        return reasons


def find(query: Query, stages: Sequence[Stage] = STAGES) -> Found:
    """Score all turns. A question that names nothing but people finds what they said."""
    parts = [(stage, stage.weight * stage.scores(query)) for stage in stages]
    total = np.sum([part for _, part in parts], axis=0)
    selected = np.zeros(len(query.ranker.turns), bool)
    only_people = not query.dates and len(query.words) == len(query.speakers)
    for stage, part in parts:
        if stage.selects or only_people:
            selected |= part > 0
    loose = np.where(selected, 0.0, total) if query.speakers else np.zeros(len(total))
    if query.nearness is not None:
        loose = loose * STRANGE
    return Found(query, np.where(selected, total, 0.0), loose, parts)
