"""Answers from a memory: the best stretch of what was recalled, quoted, or what a model makes
of it; and that it does not know, when nothing that can be read bears on the question.

Knows models only by `llms`; reads through the recaller.
"""

import asyncio
from dataclasses import dataclass
from typing import Literal, NamedTuple

from optimem.errors import InputError
from optimem.memory.images import ask_image
from optimem.memory.prompting import (
    Llm,
    areplied,
    checked_llm,
    cited,
    declines,
    introduced,
    passage_tokens,
    replied,
    room_for_passages,
    shares,
    written_prompt,
)
from optimem.memory.recall import Recaller, TurnBuilder
from optimem.memory.retrieval import Rankers
from optimem.memory.snippets import Snippet, best_snippet, narrowed, stripped, widened
from optimem.protocols import REPLACEMENT, ImageReader
from optimem.results import Answer, Passage

BEARS = 0.6
"""Share of a question, by the weight of its terms, that a quotation must hold to answer it.
Chosen on the 52 questions that `tests/memory/questions.py` calls CHOSEN: 19 of 21 quotations hold
the answer, for 19 of 27 questions that have one; on 28 others, HELD_OUT, 10 of 14 and of 14
(`pytest tests/memory/test_knowing.py -s`)."""
QUOTED = 300
"""Characters to which a quotation is widened with the sentences around it."""
FADED = 1 / 3
"""Share of a stretch's characters that may have faded before it no longer counts as readable."""
LIKELY = 0.5
"""Mean probability of a stretch's characters under which it does not count as readable."""

NOTHING = "I do not know: nothing that can be read in this memory bears on that."
TOO_FADED = "I do not know: what bears on that has faded too far to be read."
NOT_TOLD = "I do not know: what was recalled does not hold the answer."
NO_REPLY = "I do not know: the model gave no answer."


@dataclass(frozen=True)
class Question:
    """What is asked and with what means. `k`: turns recalled at most. `budget`: tokens of a
    model's prompt. `refresh`: what is recalled fades later. Raises InputError for what cannot
    be asked."""

    text: str
    k: int
    budget: int
    refresh: bool

    def __post_init__(self) -> None:
        if not self.text.strip() or self.k < 1:
            raise InputError(
                f"cannot answer {self.text!r} from {self.k} turns; give a question and k ≥ 1"
            )


class Hit(NamedTuple):
    """A recalled turn and the stretch of it that bears most on the question, found in its
    likeliest text: a word with a doubtful letter says where to look, and is shown as it reads."""

    turn: TurnBuilder
    score: float
    best: Snippet


@dataclass(frozen=True)
class Prompt:
    """A prompt with the passages that it gives. `marker`: the reply if they do not answer."""

    text: str
    marker: str
    passages: list[Passage]

    def concluded(self, reply: str) -> Answer:
        """The answer that a model's reply is, with the passages that it cites, or all if it
        cites none."""
        if not reply.strip():
            return unknown(NO_REPLY, "llm")
        if declines(reply, self.marker, len(self.passages)):
            return unknown(NOT_TOLD, "llm")
        numbers = cited(reply, len(self.passages))
        passages = [p for p in self.passages if p.number in numbers] or self.passages
        return Answer(
            text=reply.strip(),
            known=True,
            source="llm",
            passages=passages,
            probability=certainty(passages),
        )


def answer(
    recaller: Recaller,
    rankers: Rankers,
    question: Question,
    llm: Llm | None,
    images: ImageReader | None,
) -> Answer:
    """The answer to a question. What the model raises is passed on."""
    step = Answering(recaller, rankers, question, images).step(llm)
    return step if isinstance(step, Answer) else step.concluded(replied(llm, step.text))


async def aanswer(
    recaller: Recaller,
    rankers: Rankers,
    question: Question,
    llm: Llm | None,
    images: ImageReader | None,
) -> Answer:
    """Async twin of `answer`."""
    asked = Answering(recaller, rankers, question, images)
    step = await asyncio.to_thread(asked.step, llm)
    return step if isinstance(step, Answer) else step.concluded(await areplied(llm, step.text))


def unknown(text: str, source: Literal["quoted", "llm"] = "quoted") -> Answer:
    """That there is no answer."""
    return Answer(text=text, known=False, source=source, passages=[], probability=0.0)


def certainty(passages: list[Passage]) -> float:
    """The mean probability of the characters of some passages, from 0 to 1."""
    sizes = [max(len(passage.text), 1) for passage in passages]
    sure = sum(p.probability * size for p, size in zip(passages, sizes, strict=True))
    return sure / sum(sizes)


@dataclass(frozen=True)
class Answering:
    """One question put to one scope."""

    recaller: Recaller
    rankers: Rankers
    question: Question
    images: ImageReader | None

    def step(self, llm: Llm | None) -> Answer | Prompt:
        """The answer, or the prompt that is to be put to a model for it. No model is asked
        when nothing that can be read was found."""
        asked = self.question
        if llm is not None:
            checked_llm(llm)
            room_for_passages(asked.text, asked.budget)  # refused before anything is read
        found = self.recaller.found(
            asked.text, asked.k, refresh=asked.refresh, rankers=self.rankers
        )
        hits = [Hit(turn, s, best_snippet(turn.guess, found.weights)) for turn, s in found.turns]
        readable = [hit for hit in hits if self._is_readable(hit)]
        if not readable:
            return unknown(TOO_FADED if hits else NOTHING)
        return self._quoted(readable) if llm is None else self._prompt(readable)

    def _is_readable(self, hit: Hit) -> bool:
        if not hit.turn.text.strip():
            return False
        passage = self._passage(hit, hit.best, 1)
        faded = passage.text.count(REPLACEMENT) / len(passage.text)
        return faded <= FADED and passage.probability >= LIKELY

    def _passage(self, hit: Hit, stretch: Snippet, number: int) -> Passage:
        start, end, _ = stripped(hit.turn.text, stretch)
        turn = hit.turn.cut(start, end).built(self.recaller.now, self.recaller.codec)
        return Passage(**turn.model_dump(), score=hit.score, number=number)

    def _quoted(self, hits: list[Hit]) -> Answer:
        """The stretch that bears most on the question, if enough; of a image's text, what its
        reader answers from the image itself."""
        best = max(hits, key=lambda hit: (hit.best.share, hit.score))
        if best.best.share < BEARS:
            return unknown(NOTHING)
        passage = self._passage(best, widened(best.turn.guess, best.best, QUOTED, _characters), 1)
        records, turn = self.recaller.records, best.turn.id
        said = ask_image(records, turn, self.images, self.question.text)
        return Answer(
            text=said.text if said else passage.text,
            known=True,
            source="image" if said else "quoted",
            passages=[passage],
            probability=said.probability if said else passage.probability,
        )

    def _prompt(self, hits: list[Hit]) -> Prompt:
        """The turns that fit the budget, long ones cut to what bears on the question, oldest
        first."""
        room = room_for_passages(self.question.text, self.question.budget)
        given = shares([passage_tokens(hit.turn.text) for hit in hits], room)
        chosen = sorted(zip(hits, given, strict=False), key=_said)
        passages = [
            self._passage(hit, self._fitting(hit, tokens), number)
            for number, (hit, tokens) in enumerate(chosen, 1)
        ]
        told = [(introduced(passage), passage.text) for passage in passages]
        text, marker = written_prompt(self.question.text, told)
        return Prompt(text, marker, passages)

    def _fitting(self, hit: Hit, tokens: int) -> Snippet:
        """As much of a turn as fits, around the stretch that bears most on the question."""
        text = hit.turn.text
        if passage_tokens(text) <= tokens:
            return Snippet(0, len(text), hit.best.share)

        def size(start: int, end: int) -> int:
            return passage_tokens(text[start:end])

        return widened(hit.turn.guess, narrowed(hit.best, tokens, size), tokens, size)


def _characters(start: int, end: int) -> int:
    return end - start


def _said(chosen: tuple[Hit, int]) -> tuple[float, int]:
    """When a turn was said, to put turns in order."""
    turn = chosen[0].turn
    return turn.time, turn.number
