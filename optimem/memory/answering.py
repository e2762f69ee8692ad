"""Answers from a memory: the snippet of a recalled turn that matches the question best, quoted, or
what a model makes of several; and that the answer is not known.

Turns come from the recaller, a prompt and a model's reply through `prompting`.
"""

import asyncio
from dataclasses import dataclass
from typing import Literal, NamedTuple

from optimem.memory.images import ask_image
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
from optimem.memory.recall import Recaller, check_query
from optimem.memory.snippets import Snippet, best_snippet, narrow, strip, widen
from optimem.memory.turn_builder import TurnBuilder
from optimem.protocols import REPLACEMENT, ImageReader
from optimem.results import Answer, Passage

MIN_SHARE = 0.6
"""Share of a question, by the weight of its terms, that a snippet must hold to be quoted. Chosen on
the 52 questions called CHOSEN in `tests/memory/questions.py`: 19 of 21 quotations hold the answer,
for 19 of 27 questions that have one; on 28 others, HELD_OUT, 10 of 14 and of 14
(`pytest tests/memory/test_answering.py -s`)."""
QUOTATION_LENGTH = 300
"""Characters to which a quotation is widened with the sentences around it."""
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
        check_query(self.text, self.k)


class SnippetHit(NamedTuple):
    """A recalled turn and the snippet of it that matches the question best. It is found in the
    most likely text, so that a word with a doubtful letter still matches, and shown as it reads."""

    turn: TurnBuilder
    score: float
    snippet: Snippet


@dataclass(frozen=True)
class AnswerPrompt:
    """A prompt and its passages. `marker`: the reply that means that they hold no answer."""

    text: str
    marker: str
    passages: list[Passage]

    def answer(self, reply: str) -> Answer:
        """The answer in a model's reply, with the passages that it cites, or all if it cites
        none."""
        if not reply.strip():
            return _unknown(NO_REPLY, "llm")
        if declines(reply, self.marker, len(self.passages)):
            return _unknown(DECLINED, "llm")
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
        matches = self.recaller.matches(asked.text, asked.k, refresh=asked.refresh)
        hits = [
            SnippetHit(turn, score, best_snippet(turn.guess, matches.weights))
            for turn, score in matches.turns
        ]
        readable = [hit for hit in hits if self._is_readable(hit)]
        if not readable:
            return _unknown(TOO_FADED if hits else NO_MATCH)
        return self._quote(readable) if llm is None else self._prompt(readable)

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

    def _quote(self, hits: list[SnippetHit]) -> Answer:
        """The best snippet, if it matches well enough; if it is of an image, the answer of the
        reader of images."""
        best = max(hits, key=lambda hit: (hit.snippet.share, hit.score))
        if best.snippet.share < MIN_SHARE:
            return _unknown(NO_MATCH)
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

    def _prompt(self, hits: list[SnippetHit]) -> AnswerPrompt:
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
        return AnswerPrompt(text, marker, passages)

    def _fit(self, hit: SnippetHit, tokens: int) -> Snippet:
        """As much of a turn as fits, around its snippet."""
        text = hit.turn.text
        if passage_tokens(text) <= tokens:
            return Snippet(0, len(text), hit.snippet.share)

        def size(start: int, end: int) -> int:
            return passage_tokens(text[start:end])

        return widen(hit.turn.guess, narrow(hit.snippet, tokens, size), tokens, size)


def _unknown(text: str, source: Literal["quoted", "llm"] = "quoted") -> Answer:
    return Answer(text=text, known=False, source=source, passages=[], probability=0.0)


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
