"""Answers from a memory: the sentence of a recalled turn that answers, quoted, or what a model
makes of several turns; and that the answer is not known.

Turns come from the recaller, as `recall` finds them; which sentence answers is the business of
`quoting`, a prompt that of `prompting`, a model's reply that of `citations`.
"""

import asyncio
from dataclasses import dataclass
from typing import Literal

import numpy as np

from optimem.errors import InputError
from optimem.memory.answering.asked import Asked
from optimem.memory.answering.asking import answer_by_pages
from optimem.memory.answering.citations import check_citations, declines, without_thoughts
from optimem.memory.answering.evidence import Candidate, candidates
from optimem.memory.answering.quoting import BY_MEANING, BY_WORDS, Quotation, best_quotation
from optimem.memory.recall.packing import Packed, fit_around
from optimem.memory.recall.prompting import (
    ATTRIBUTION_TOKENS,
    Llm,
    aask_llm,
    answer_prompt,
    ask_llm,
    check_llm,
    fit_passages,
    passage_budget,
    passage_tokens,
    passage_words,
)
from optimem.memory.recall.recall import Matches, Recaller, recollections
from optimem.memory.recall.request import Request
from optimem.memory.recall.snippets import Snippet, best_snippet, strip
from optimem.memory.recall.turn_builder import TurnBuilder
from optimem.memory.writing.images import ask_image
from optimem.protocols import REPLACEMENT, ImageReader
from optimem.results import Answer, Passage, Recollection
from optimem.text.answer_types import AnswerType, holds
from optimem.text.told_dates import day_shown, told_dates
from optimem.times import Time

LOOKED_AT = 16
"""Turns, each with those beside it, in which a sentence to quote is looked for without a budget."""
TOKENS = 2000
"""Of a model's prompt, if no budget is given."""
NEAREST = 3
"""Turns that are offered if the answer is not known."""
MAX_FADED = 1 / 3
"""Share of a text's characters that may have faded; above it, it cannot be read."""
MIN_PROBABILITY = 0.5
"""Mean probability of a text's characters below which it cannot be read."""

NO_MATCH = "I do not know: nothing readable in this memory matches the question."
TOO_FADED = "I do not know: what matches the question has faded too far to be read."
DECLINED = "I do not know: what was recalled does not hold the answer."
UNSUPPORTED = "I do not know: nothing that was recalled bears out what the model said."
NO_REPLY = "I do not know: the model gave no answer."


@dataclass(frozen=True)
class Question:
    """A question and the means to answer it. `k`: turns recalled at most, `budget`: tokens of them,
    or of a model's prompt; None for what is usual. `since`, `until`: when they were said.
    `refresh`: pages recalled fade later. Raises InputError as `Request` does."""

    text: str
    k: int | None = None
    budget: int | None = None
    since: Time | None = None
    until: Time | None = None
    refresh: bool = True

    def __post_init__(self) -> None:
        self.request(self.budget)

    def request(self, budget: int | None) -> Request:
        """What to recall for it: within a budget what `recall` gives for it. Raises InputError."""
        k = LOOKED_AT if self.k is None and budget is None else self.k
        return Request.of(
            self.text, k, budget=budget, since=self.since, until=self.until,
            preceding=1, following=1, refresh=self.refresh,
        )  # fmt: skip


@dataclass(frozen=True)
class AnswerPrompt:
    """A prompt and its passages. `marker`: the reply that means that they hold no answer.
    `nearest`: what to offer then."""

    text: str
    marker: str
    passages: list[Passage]
    nearest: list[Recollection]

    def answer(self, reply: str) -> Answer:
        """The answer in a model's reply, with the passages that it rightly cites, or all if it
        cites none."""
        said = without_thoughts(reply)
        if not said:
            return _unknown(NO_REPLY, self.nearest, "llm")
        if declines(said, self.marker, len(self.passages)):
            return _unknown(DECLINED, self.nearest, "llm")
        checked = check_citations(said, [passage_words(each) for each in self.passages])
        if not checked.cited and not checked.shares:
            return _unknown(UNSUPPORTED, self.nearest, "llm")
        passages = [p for p in self.passages if p.number in checked.cited] or self.passages
        return Answer(
            text=checked.text,
            known=True,
            source="llm",
            passages=passages,
            probability=_mean_probability(passages),
            dropped=checked.dropped,
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
        if llm is None:
            matches = self.recaller.matches(self.question.request(self.question.budget))
            return self._quote(matches)
        check_llm(llm)
        room = self._room()  # raises before anything is read
        matches = self.recaller.matches(self.question.request(room))
        readable = [each for each in matches.turns if _is_readable(each.turn)]
        if not readable:
            return _unknown(TOO_FADED if matches.turns else NO_MATCH, self._nearest(matches))
        return self._prompt(readable, matches, room)

    def _nearest(self, matches: Matches) -> list[Recollection]:
        """The best matches, without the turns beside them."""
        best = [each for each in matches.turns if each.candidate.matches][:NEAREST]
        return recollections(self.recaller, matches._replace(turns=best))

    def _quote(self, matches: Matches) -> Answer:
        """The sentence that most likely answers, if it is likely enough; if it is of an image, or
        if no words answer, what the reader of images makes of the pages."""
        ranker, asked = matches.query.ranker, Asked(matches.query, matches.weights)
        beside = {
            each.turn.number: ranker.neighbours(each.turn.number, 1, 1) for each in matches.turns
        }
        found = candidates(asked, matches.turns, beside)
        readable = [each for each in found if _is_readable(_cut(each.found.turn, each.snippet))]
        scale = BY_WORDS if matches.query.nearness is None else BY_MEANING
        best = best_quotation(readable, scale)
        if best is None or best.probability < scale.threshold:
            faded = best is None and any(not _is_readable(each.turn) for each in matches.turns)
            by_pages = answer_by_pages(self.recaller, matches, self.images, self.question.text)
            unknown = TOO_FADED if faded else NO_MATCH
            return by_pages or _unknown(unknown, self._nearest(matches))
        return self._quoted(best, asked)

    def _quoted(self, best: Quotation, asked: Asked) -> Answer:
        passage = self._passage(best.candidate.found, best.snippet)
        turn = best.candidate.found.turn
        image = ask_image(self.recaller.records, turn.id, self.images, self.question.text)
        return Answer(
            text=image.text if image else passage.text + _dates_note(best.candidate, asked),
            known=True,
            source="image" if image else "quoted",
            passages=[passage],
            probability=image.probability if image else best.probability * passage.probability,
        )

    def _passage(self, found: Packed, snippet: Snippet) -> Passage:
        return _cut(found.turn, snippet).build(
            Passage,
            self.recaller.now,
            self.recaller.codec,
            score=found.candidate.hit.score,
            number=1,
            whole=found.whole,
        )

    def _prompt(self, found: list[Packed], matches: Matches, room: int) -> AnswerPrompt:
        """What was recalled, best first, as far as it fits with who said it and when; oldest
        first."""
        given = [self._passage(each, Snippet(0, len(each.turn.text), 1.0)) for each in found]
        kept = fit_passages(given, room) or [self._cut_down(found[0], matches, room)]
        order = {each.turn.id: (each.turn.time, each.turn.number) for each in found}
        kept.sort(key=lambda passage: order[passage.id])
        passages = [
            passage.model_copy(update={"number": number}) for number, passage in enumerate(kept, 1)
        ]
        text, marker = answer_prompt(self.question.text, passages, self.recaller.now)
        return AnswerPrompt(text, marker, passages, self._nearest(matches))

    def _cut_down(self, found: Packed, matches: Matches, room: int) -> Passage:
        """As much of a turn as fits, around what matches. Raises InputError if nothing does."""
        text = found.turn.text
        best = best_snippet(found.turn.guess, matches.weights)
        fitting = fit_around(
            found.turn.guess, best, room - ATTRIBUTION_TOKENS,
            lambda start, end: passage_tokens(text[start:end]),
        )  # fmt: skip
        passage = self._passage(found, fitting)
        if not fit_passages([passage], room):
            raise InputError(
                f"budget={self.question.budget} tokens are too few for turn {found.turn.id}, said "
                f"by {passage.speaker}; give more"
            )
        return passage

    def _room(self) -> int:
        """Tokens that a prompt leaves for passages. Raises InputError if they are too few."""
        budget = TOKENS if self.question.budget is None else self.question.budget
        return passage_budget(self.question.text, budget, self.recaller.now)


def _unknown(
    text: str, nearest: list[Recollection], source: Literal["quoted", "llm"] = "quoted"
) -> Answer:
    return Answer(
        text=text, known=False, source=source, passages=[], probability=0.0, nearest=nearest
    )


def _cut(turn: TurnBuilder, snippet: Snippet) -> TurnBuilder:
    """The characters of a snippet, without white space at its ends."""
    start, end, _ = strip(turn.text, snippet)
    return turn.cut(start, end)


def _is_readable(turn: TurnBuilder) -> bool:
    """Whether enough of a turn has not faded."""
    text = turn.text
    if not text.strip():
        return False
    certainty = float(np.concatenate([part.probability for part in turn.parts]).mean())
    return text.count(REPLACEMENT) / len(text) <= MAX_FADED and certainty >= MIN_PROBABILITY


def _dates_note(candidate: Candidate, asked: Asked) -> str:
    """What a question for a time is told besides, in brackets: which days the words for dates in
    the sentence mean, or when it was said if it names none."""
    if asked.type is not AnswerType.TIME:
        return ""
    turn, snippet = candidate.found.turn, candidate.snippet
    text = turn.guess[snippet.start : snippet.end]
    told = dict.fromkeys(f"{date.text}: {date.shown}" for date in told_dates(text, turn.time))
    if told:
        return f" [{'; '.join(told)}]"
    if holds(AnswerType.TIME, text, asked.query.text):
        return ""
    return f" [said on {day_shown(turn.time)}]"


def _mean_probability(passages: list[Passage]) -> float:
    """The mean probability of all characters of some passages."""
    sizes = [max(len(passage.text), 1) for passage in passages]
    total = sum(p.probability * size for p, size in zip(passages, sizes, strict=True))
    return total / sum(sizes)
