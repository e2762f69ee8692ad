"""What speaks for a sentence as the answer to a question: its words and what it replies to, who
says it and when, whether it names what is asked for.

Every figure is between 0 and 1, so that their weights can be compared. Knows nothing of how they
are weighed (see `quoting`), of pages or of stores.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from optimem.memory.answering.asked import Asked
from optimem.memory.recall.packing import Packed
from optimem.memory.recall.snippets import Sentence, Snippet, split_sentences
from optimem.memory.recall.stages import DAY, nearness
from optimem.memory.recall.turn_builder import TurnBuilder
from optimem.text.answer_types import holds
from optimem.text.terms import name_terms, terms
from optimem.text.told_dates import told_dates

NEAR = 0.3
"""How near to a date that a question names a turn must have been said: within it, or up to eight
days later."""
TOLD = ((3, 1.0), (9, 0.75), (32, 0.5))
"""How precisely a day is told by a time of less than so many days."""
SHORT = 12
"""Sentences of a turn any of which may answer; of a longer one, those that hold a word of the
question."""
ASKED_WEIGHT = 0.5
"""What a term counts in a sentence that is a question itself: it repeats what it does not know."""
_OWN = re.compile(r"\b(?:I|me|my|mine|we|us|our|ours)\b", re.IGNORECASE)


class Evidence(NamedTuple):
    """What speaks for a sentence or two, each from 0 to 1."""

    share: float
    """Of the question, by the weight of its words, held by the sentences; if these are the first
    words of a reply, together with what was asked in the turn before."""
    alike: float
    """Held besides by words that mean much the same."""
    after: float
    """Held besides, in these or such words, by what somebody else says next, but not of
    themselves."""
    meant: float
    """How near the turn is to the question in meaning, if the memory has embeddings."""
    unlike: float
    """How much nearer the nearest turn is that was recalled."""
    alone: float
    """The same where the question names nobody: no speaker speaks for it then."""
    mistyped: float
    """The same where the sentences do not name what is asked for."""
    before: float
    """Held besides by the turn before, without what it asks."""
    says: float
    """Whether they say something that the question does not."""
    asks: float
    """Whether they are a question themselves."""
    right_type: float
    """Whether they name what is asked for, such as a number."""
    wrong_type: float
    """Whether they do not, though the question asks for a known kind of thing."""
    speaker: float
    """Whether they were said by whom the question names, or name that person themselves."""
    nobody: float
    """Whether the question names nobody, so that anyone may have said it."""
    dated: float
    """Whether they were said when the question asks for, or of a day that it names."""
    told: float
    """How precisely they tell of a day that the question names, by a date such as "yesterday"."""
    rank: float
    """1 for a turn found first, 1/2 for the second, …"""
    score: float
    """The score of the turn over that of the best."""
    match: float
    """Whether the turn was found itself, not as one beside another."""
    newest: float
    """Of several that agree in what they hold of the question, whether it is the one to be asked
    for: the newest, or the oldest if the question asks for what was first."""
    older: float
    """Whether it is one of the others."""
    wanted: float
    """Whether it is the one to be asked for, and the question says which: "now", "at first"."""
    unwanted: float
    """Whether it is one of the others, and the question says which."""
    whole: float
    """1 less the number of sentences over three."""


FEATURES = Evidence._fields


class Candidate(NamedTuple):
    """Sentences that may answer. `held`: the terms of the question in them."""

    found: Packed
    snippet: Snippet
    held: frozenset[int]
    evidence: Evidence

    @property
    def text(self) -> str:
        """The sentences."""
        return self.found.turn.guess[self.snippet.start : self.snippet.end].strip()


@dataclass(frozen=True)
class _Turn:
    """A recalled turn, compared with a question."""

    asked: Asked
    found: Packed
    sentences: Sequence[Sentence]
    rank: int

    @property
    def turn(self) -> TurnBuilder:
        return self.found.turn

    @cached_property
    def meant(self) -> float:
        """How near it is to the question in meaning; 0 if that is not known."""
        return self.asked.nearness(self.turn.number)

    @cached_property
    def speaker(self) -> bool | None:
        """Whether it was said by whom the question names; None if it names nobody, or it is not
        known who spoke."""
        asked = {term for named in self.asked.query.speakers.values() for term in named}
        said = set(name_terms(self.turn.name))
        return bool(asked & said) if asked and said else None

    @cached_property
    def date(self) -> bool | None:
        """Whether it was said when the question asks for; None if it names no date."""
        spans = self.asked.dates
        near = [nearness(span, np.array([self.turn.time]))[0] for span in spans]
        return bool(max(near) >= NEAR) if near else None

    @cached_property
    def weights(self) -> dict[int, float]:
        """The weights of the question without those of a name or a date that the turn bears out:
        nobody says "I, Ann, on 8 May"."""
        query = self.asked.query
        met = [*query.speakers] if self.speaker else []
        met += [date.text for date in self.asked.dates]
        known = {term for text in met for term in terms(text)}
        return {t: weight for t, weight in self.asked.content.items() if t not in known}

    def of_something_else(self, sentences: Iterable[Sentence], before: Iterable[Sentence]) -> bool:
        """Whether a tool put out sentences that lack a word of the question which is said
        elsewhere, and not in the turn `before`: the output of a tool looks the same for all."""
        if self.turn.role != "tool":
            return False
        held = frozenset[int]().union(*(each.terms for each in (*sentences, *before)))
        return not self.weights.keys() & self.asked.said <= held

    def share(self, sentences: Iterable[Sentence]) -> float:
        """The share of the question's weights that sentences hold."""
        counts = dict[int, float]()
        for each in sentences:
            for term in each.terms & self.weights.keys():
                counts[term] = max(counts.get(term, 0.0), ASKED_WEIGHT if each.asks else 1.0)
        total = sum(self.weights.values())
        return sum(self.weights[t] * n for t, n in counts.items()) / total if total else 0.0

    def likeness(self, sentences: Iterable[Sentence]) -> float:
        """The same, words that mean much the same included, each by how much it counts."""
        total, likes = sum(self.weights.values()), self.asked.likes
        held = dict[int, float]()
        for each in sentences:
            for term in each.terms & self.asked.alike:
                held[term] = max(held.get(term, 0.0), ASKED_WEIGHT if each.asks else 1.0)
        found = (
            weight * max((n * held.get(like, 0.0) for like, n in likes[term].items()), default=0.0)
            for term, weight in self.weights.items()
        )
        return sum(found) / total if total else 0.0

    def tells(self, text: str) -> float:
        """How precisely a text tells of a day that the question names: 1 for a day or two, less for
        about a week or a month, 0 if it does not."""
        if not self.asked.dates:
            return 0.0
        lengths = [
            told.end - told.start
            for told in told_dates(text, self.turn.time)
            if any(told.start < span.end and span.start < told.end for span in self.asked.dates)
        ]
        precise = (share for days, share in TOLD if lengths and min(lengths) < days * DAY)
        return next(precise, 0.0)


def candidates(
    asked: Asked, found: Sequence[Packed], beside: Mapping[int, Sequence[int]]
) -> list[Candidate]:
    """The sentences, and pairs of them, of recalled turns that may answer: those said by whom and
    when the question asks for, or that say so themselves. `beside`: the turns right before and
    after each turn, by their numbers."""
    turns = {
        each.turn.number: _Turn(asked, each, split_sentences(each.turn.guess), rank)
        for rank, each in enumerate(found)
    }
    best = _Best(
        max((each.candidate.hit.score for each in found), default=1.0) or 1.0,
        max((turn.meant for turn in turns.values()), default=0.0),
    )
    made = list[Candidate]()
    for number, turn in turns.items():
        near = [turns[other] for other in beside.get(number, ()) if other in turns]
        made += _of_turn(turn, near, best)
    return _in_time(asked, made)


class _Best(NamedTuple):
    """The highest score of what was recalled, and how near the nearest is in meaning."""

    score: float
    meant: float


def _of_turn(turn: _Turn, beside: Sequence[_Turn], best: _Best) -> Iterator[Candidate]:
    """The candidates of a turn."""
    before = _Before.of(turn, beside)
    reply = [s for each in beside if _replies(each, turn) for s in _of_others(each)]
    after = turn.likeness(reply)
    if not (turn.likeness(turn.sentences) or turn.share(before.asked) or after or turn.asked.dates):
        return
    short = len(turn.sentences) <= SHORT
    for size in (1, 2):
        for at in range(len(turn.sentences) - size + 1):
            window = turn.sentences[at : at + size]
            if (short or turn.likeness(window)) and _may_answer(turn, window, before):
                known = before if at == 0 else before.not_asked()
                yield _candidate(turn, window, known, after, best)


def _replies(turn: _Turn, to: _Turn) -> bool:
    """Whether somebody else says a turn next."""
    own, other = turn.turn, to.turn
    return own.number > other.number and (own.name, own.role) != (other.name, other.role)


def _of_others(turn: _Turn) -> Iterator[Sentence]:
    """What a turn says or asks of others than who says it."""
    for each in turn.sentences:
        if not _OWN.search(turn.turn.guess, each.start, each.end):
            yield each


class _Before(NamedTuple):
    """The turn before. `said`: the share of the question that its statements hold. `asked`: what
    somebody else asks there, as if it were said. `sentences`: all of it."""

    said: float
    asked: list[Sentence]
    sentences: list[Sentence]

    @classmethod
    def of(cls, turn: _Turn, beside: Sequence[_Turn]) -> "_Before":
        before = [each for each in beside if each.turn.number < turn.turn.number]
        said = [s for each in before for s in each.sentences if not s.asks]
        asked = [
            sentence._replace(asks=False)
            for each in before
            if (each.turn.name, each.turn.role) != (turn.turn.name, turn.turn.role)
            for sentence in each.sentences
            if sentence.asks
        ]
        return cls(turn.share(said), asked, [s for each in before for s in each.sentences])

    def not_asked(self) -> "_Before":
        """The same for sentences that are not the first of a reply."""
        return self._replace(asked=[])


def _may_answer(turn: _Turn, window: Sequence[Sentence], before: "_Before") -> bool:
    """Whether sentences were said by whom, when and of what the question asks for, or say so."""
    if turn.of_something_else(window, before.sentences):
        return False
    return (turn.speaker is not False or _names(turn, window)) and (
        turn.date is not False
        or turn.tells(_text(turn, window)) > 0
        or any(_terms(window).issuperset(terms(date.text)) for date in turn.asked.dates)
    )


def _candidate(
    turn: _Turn, window: Sequence[Sentence], before: _Before, after: float, best: _Best
) -> Candidate:
    """Sentences with what speaks for them."""
    question, hit, text = turn.asked, turn.found.candidate, _text(turn, window)
    own, said, kind = turn.share(window), _terms(window), turn.asked.type
    asks, nobody = all(each.asks for each in window), not question.query.speakers
    share = own if asks else turn.share([*before.asked, *window])
    likeness = turn.likeness(window if asks else [*before.asked, *window])
    right = kind is not None and holds(kind, text, question.query.text)
    wrong = kind is not None and not right
    evidence = Evidence(
        share=share,
        alike=max(likeness - share, 0.0),
        after=max(after - max(likeness, share), 0.0),
        meant=turn.meant,
        unlike=best.meant - turn.meant,
        alone=share * nobody,
        mistyped=share * wrong,
        before=max(before.said - share, 0.0),
        says=float(bool(said - question.weights.keys())),
        asks=float(asks),
        right_type=float(right),
        wrong_type=float(wrong),
        speaker=float(turn.speaker is True or _names(turn, window)),
        nobody=float(nobody),
        dated=float(turn.date is True),
        told=turn.tells(text),
        rank=1 / (turn.rank + 1),
        score=hit.hit.score / best.score,
        match=float(hit.matches),
        newest=0.0,
        older=0.0,
        wanted=0.0,
        unwanted=0.0,
        whole=1 - len(window) / 3,
    )
    snippet = Snippet(window[0].start, window[-1].end, share)
    return Candidate(turn.found, snippet, said.intersection(turn.weights), evidence)


def _text(turn: _Turn, window: Sequence[Sentence]) -> str:
    return turn.turn.guess[window[0].start : window[-1].end]


def _terms(window: Sequence[Sentence]) -> frozenset[int]:
    return frozenset().union(*(each.terms for each in window))


def _names(turn: _Turn, window: Sequence[Sentence]) -> bool:
    """Whether sentences say something of whom the question names."""
    names = turn.asked.names
    return names is not None and names.search(_text(turn, window)) is not None


class _Holding(NamedTuple):
    """What a turn holds of a question in a sentence or two."""

    number: int
    name: str
    time: float
    held: frozenset[int]

    @classmethod
    def of(cls, candidate: Candidate) -> "_Holding":
        turn = candidate.found.turn
        return cls(turn.number, turn.name, turn.time, candidate.held)


def _in_time(asked: Asked, made: list[Candidate]) -> list[Candidate]:
    """The candidates, those that agree compared by time."""
    holding = {_Holding.of(each) for each in made if each.held}
    standing = {each: _standing(asked, each, holding) for each in holding}
    compared = list[Candidate]()
    for each in made:
        newest, older = standing.get(_Holding.of(each), (0.0, 0.0))
        said = float(asked.says_which)
        evidence = each.evidence._replace(
            newest=newest, older=older, wanted=newest * said, unwanted=older * said
        )
        compared.append(each._replace(evidence=evidence))
    return compared


def _standing(asked: Asked, own: _Holding, others: Iterable[_Holding]) -> tuple[float, float]:
    """Whether a turn is the one to be asked for, or else one of the others, of those by the same
    speaker that hold more than half of what it holds of the question."""
    half = sum(asked.content.get(term, 0.0) for term in own.held) / 2
    times = [
        other.time
        for other in others
        if other.number != own.number
        and other.name == own.name
        and sum(asked.content.get(term, 0.0) for term in own.held & other.held) > half
    ]
    if not times:
        return 0.0, 0.0
    last = own.time <= min(times) if asked.first else own.time >= max(times)
    return float(last), float(not last)
