"""Answers from a memory: the snippet of a recalled turn that matches the question best, quoted, or
what a model makes of several; and that the answer is not known.

Turns come from the recaller, a prompt and a model's reply through `prompting`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from optimem.memory.images import ask_image
from optimem.memory.packing import Packed, fit_around
from optimem.memory.prompting import (
    Llm,
    aask_llm,
    answer_prompt,
    ask_llm,
    attribution,
    check_llm,
    cited_numbers,
    declines,
    passage_budget,
    passage_tokens,
    split_budget,
)
from optimem.memory.recall import Matches, Recaller, recollections
from optimem.memory.request import Request
from optimem.memory.snippets import Snippet, best_snippet, strip, widen
from optimem.memory.stages import Query, nearness
from optimem.memory.turn_builder import TurnBuilder
from optimem.protocols import REPLACEMENT, ImageReader
from optimem.results import Answer, Passage, Recollection
from optimem.text.terms import name_terms, terms

MIN_SHARE = 0.6
"""Share of a question, by the weight of its terms, that a snippet must hold to be quoted. Chosen on
the 52 questions called CHOSEN in `tests/memory/questions.py`: 19 of 21 quotations hold the answer,
for 19 of 27 questions that have one; on 28 others, HELD_OUT, 10 of 14 and of 14
(`pytest tests/memory/test_answering.py -s`)."""
QUOTATION_LENGTH = 300
"""Characters to which a quotation is widened with the sentences around it."""
NEAR = 0.3
"""How near to a date that a question names a turn must have been said to be quoted: within it, or
up to eight days later."""
NEAREST = 3
"""Turns that are offered if the answer is not known."""
MAX_FADED = 1 / 3
"""Share of a snippet's characters that may have faded; above it, it cannot be read."""
MIN_PROBABILITY = 0.5
"""Mean probability of a snippet's characters below which it cannot be read."""

NO_MATCH = "I do not know: nothing readable in this memory matches the question."
TOO_FADED = "I do not know: what matches the question has faded too far to be read."
DECLINED = "I do not know: what was recalled does not hold the answer."
NO_REPLY = "I do not know: the model gave no answer."


@dataclass(frozen=True)
class Question:
    """A question and the means to answer it. `k`: turns recalled at most. `budget`: tokens of a
    model's prompt. `refresh`: pages recalled fade later. Raises InputError for an empty question
    and a `k` under 1."""

    text: str
    k: int
    budget: int
    refresh: bool

    def __post_init__(self) -> None:
        self.request()

    def request(self) -> Request:
        """What to recall for it. Raises InputError."""
        return Request(self.text, self.k, refresh=self.refresh)


class Check(NamedTuple):
    """Whether a turn was said by whom a question names, and when it says; None if it names nobody
    and no date, or that is not known of the turn."""

    speaker: bool | None
    date: bool | None

    @classmethod
    def of(cls, turn: TurnBuilder, query: Query) -> "Check":
        """Compare a turn with a question."""
        asked = {term for named in query.speakers.values() for term in named}
        said = set(name_terms(turn.name))
        spans = [nearness(span, np.array([turn.time]))[0] for span in query.dates]
        return cls(
            speaker=bool(asked & said) if asked and said else None,
            date=max(spans) >= NEAR if spans else None,
        )

    def weights(self, query: Query, weights: Mapping[int, float]) -> dict[int, float]:
        """The weights of a question's terms without those of a name or a date that the turn bears
        out: nobody says "I, Ann, on 8 May"."""
        met = [*query.speakers] if self.speaker else []
        met += [date.text for date in query.dates] if self.date else []
        known = {term for text in met for term in terms(text)}
        return {term: weight for term, weight in weights.items() if term not in known}

    def holds(self, text: str, query: Query) -> bool:
        """Whether a quotation may answer: it was said by whom and when the question asks for, or
        says so itself."""
        said = set(terms(text))
        names = any(said.issuperset(terms(name)) for name in query.speakers)
        dates = any(said.issuperset(terms(date.text)) for date in query.dates)
        return (self.speaker is not False or names) and (self.date is not False or dates)


class SnippetHit(NamedTuple):
    """A recalled turn and the snippet of it that matches the question best. It is found in the
    most likely text, so that a word with a doubtful letter still matches, and shown as it reads."""

    turn: TurnBuilder
    score: float
    snippet: Snippet
    check: Check


@dataclass(frozen=True)
class AnswerPrompt:
    """A prompt and its passages. `marker`: the reply that means that they hold no answer.
    `nearest`: what to offer then."""

    text: str
    marker: str
    passages: list[Passage]
    nearest: list[Recollection]

    def answer(self, reply: str) -> Answer:
        """The answer in a model's reply, with the passages that it cites, or all if it cites
        none."""
        if not reply.strip():
            return _unknown(NO_REPLY, self.nearest, "llm")
        if declines(reply, self.marker, len(self.passages)):
            return _unknown(DECLINED, self.nearest, "llm")
        numbers = cited_numbers(reply, len(self.passages))
        passages = [p for p in self.passages if p.number in numbers] or self.passages
        return Answer(
            text=reply.strip(),
            known=True,
            source="llm",
            passages=passages,
            probability=_mean_probability(passages),
        )


def answer(
    recaller: Recaller, question: Question, llm: Llm | None, images: ImageReader | None
) -> Answer:
    """The answer to a question, quoted without a model. Errors of the model are passed on."""
    found = Answering(recaller, question, images).find(llm)
    answer = found if isinstance(found, Answer) else found.answer(ask_llm(llm, found.text))
    return answer.model_copy(update={"unreadable": recaller.unreadable})


async def aanswer(
    recaller: Recaller, question: Question, llm: Llm | None, images: ImageReader | None
) -> Answer:
    """Async twin of `answer`."""
    found = await asyncio.to_thread(Answering(recaller, question, images).find, llm)
    answer = found if isinstance(found, Answer) else found.answer(await aask_llm(llm, found.text))
    return answer.model_copy(update={"unreadable": recaller.unreadable})


@dataclass(frozen=True)
class Answering:
    """One question put to one scope."""

    recaller: Recaller
    question: Question
    images: ImageReader | None

    def find(self, llm: Llm | None) -> Answer | AnswerPrompt:
        """The answer, or with a model the prompt to put to it. A model is not asked if nothing
        readable was found."""
        asked = self.question
        if llm is not None:
            check_llm(llm)
            passage_budget(asked.text, asked.budget)  # raises before anything is read
        matches = self.recaller.matches(asked.request())
        hits = [self._hit(found, matches) for found in matches.turns]
        nearest = recollections(self.recaller, matches)[:NEAREST]
        readable = [hit for hit in hits if self._is_readable(hit)]
        if not readable:
            return _unknown(TOO_FADED if hits else NO_MATCH, nearest)
        if llm is not None:
            return self._prompt(readable, nearest)
        return self._quote(readable, matches.query) or _unknown(NO_MATCH, nearest)

    def _hit(self, found: Packed, matches: Matches) -> SnippetHit:
        check = Check.of(found.turn, matches.query)
        weights = check.weights(matches.query, matches.weights)
        snippet = best_snippet(found.turn.guess, weights)
        return SnippetHit(found.turn, found.candidate.hit.score, snippet, check)

    def _is_readable(self, hit: SnippetHit) -> bool:
        if not hit.turn.text.strip():
            return False
        passage = self._passage(hit, hit.snippet, 1)
        faded = passage.text.count(REPLACEMENT) / len(passage.text)
        return faded <= MAX_FADED and passage.probability >= MIN_PROBABILITY

    def _passage(self, hit: SnippetHit, snippet: Snippet, number: int) -> Passage:
        start, end, _ = strip(hit.turn.text, snippet)
        return hit.turn.cut(start, end).build(
            Passage, self.recaller.now, self.recaller.codec, score=hit.score, number=number
        )

    def _quote(self, hits: list[SnippetHit], query: Query) -> Answer | None:
        """The best snippet that was said by whom and when the question asks for, if it matches well
        enough; if it is of an image, the answer of the reader of images."""
        right = [hit for hit in hits if hit.check.holds(_said(hit), query)]
        best = max(right, key=lambda hit: (hit.snippet.share, hit.score), default=None)
        if best is None or best.snippet.share < MIN_SHARE:
            return None
        wide = widen(best.turn.guess, best.snippet, QUOTATION_LENGTH, _length)
        passage = self._passage(best, wide, 1)
        image = ask_image(self.recaller.records, best.turn.id, self.images, self.question.text)
        return Answer(
            text=image.text if image else passage.text,
            known=True,
            source="image" if image else "quoted",
            passages=[passage],
            probability=image.probability if image else passage.probability,
        )

    def _prompt(self, hits: list[SnippetHit], nearest: list[Recollection]) -> AnswerPrompt:
        """The turns that fit the budget, oldest first, long ones cut around their snippets."""
        room = passage_budget(self.question.text, self.question.budget)
        given = split_budget([passage_tokens(hit.turn.text) for hit in hits], room)
        chosen = sorted(zip(hits, given, strict=False), key=_time)
        passages = [
            self._passage(hit, self._fit(hit, tokens), number)
            for number, (hit, tokens) in enumerate(chosen, 1)
        ]
        attributed = [(attribution(passage), passage.text) for passage in passages]
        text, marker = answer_prompt(self.question.text, attributed)
        return AnswerPrompt(text, marker, passages, nearest)

    def _fit(self, hit: SnippetHit, tokens: int) -> Snippet:
        """As much of a turn as fits, around its snippet."""
        text = hit.turn.text
        if passage_tokens(text) <= tokens:
            return Snippet(0, len(text), hit.snippet.share)

        def size(start: int, end: int) -> int:
            return passage_tokens(text[start:end])

        return fit_around(hit.turn.guess, hit.snippet, tokens, size)


def _unknown(
    text: str, nearest: list[Recollection], source: Literal["quoted", "llm"] = "quoted"
) -> Answer:
    return Answer(
        text=text, known=False, source=source, passages=[], probability=0.0, nearest=nearest
    )


def _said(hit: SnippetHit) -> str:
    """The snippet's text."""
    return hit.turn.guess[hit.snippet.start : hit.snippet.end]


def _mean_probability(passages: list[Passage]) -> float:
    """The mean probability of all characters of some passages."""
    sizes = [max(len(passage.text), 1) for passage in passages]
    total = sum(p.probability * size for p, size in zip(passages, sizes, strict=True))
    return total / sum(sizes)


def _length(start: int, end: int) -> int:
    return end - start


def _time(chosen: tuple[SnippetHit, int]) -> tuple[float, int]:
    """When a turn was said; turns of the same time in their order."""
    turn = chosen[0].turn
    return turn.time, turn.number
