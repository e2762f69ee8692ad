"""What the chat model makes of each way to show it a stretch: how well it continues the text, reads
it back, and answers questions about it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from statistics import mean
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from rapidfuzz.distance import LCSseq, Levenshtein
from torch import Tensor

from benchmarks.projector.ways import ANOTHER, CHOICES, NOTHING, PROJECTED, WHOLE, Sized
from optimem.model.projector.chat_model import ChatModel, Row
from optimem.model.projector.network import Projector
from optimem.training.projector.questions import Question, make_question
from optimem.training.projector.stretches import Stretch
from optimem.training.projector.tasks import CONTINUE, REPEAT

ANSWER_TOKENS = 16
"""Of an answer to a question."""
TAIL_WORDS = 8
"""Last words of a stretch, for which BM25 looks where it is to be continued."""
TOKENS, BYTES = "same tokens", "same bytes"
WAYS = (
    NOTHING, WHOLE, PROJECTED, ANOTHER,
    *(f"{choice.name}, {budget}" for budget in (TOKENS, BYTES) for choice in CHOICES),
)  # fmt: skip


@dataclass
class Score:
    """One way. `tokens`: shown, per stretch. `bits`: a character of what follows. `guessed`: share
    of the text's tokens that are the likeliest after those before them, when it is to be repeated;
    `characters`, `words`: shares read back by a greedy answer. `answered`: whether an answer holds
    the right one; `chosen`: whether the right one of four was the likeliest."""

    name: str
    tokens: list[int] = field(default_factory=list)
    bits: list[float] = field(default_factory=list)
    guessed: list[float] = field(default_factory=list)
    characters: list[float] = field(default_factory=list)
    words: list[float] = field(default_factory=list)
    answered: list[bool] = field(default_factory=list)
    chosen: list[bool] = field(default_factory=list)

    def figures(self) -> tuple[float, ...]:
        """Means, each the better the higher: bits with the sign turned."""
        return (
            -mean(self.bits), mean(self.guessed), mean(self.characters), mean(self.words),
            mean(self.answered), mean(self.chosen),
        )  # fmt: skip


class Shown(NamedTuple):
    """Vectors (M, W) in a prompt, and the ways whose choice they are."""

    names: list[str]
    vectors: Tensor


class Bench:
    """`llm` and `projector` at work on stretches, way by way; what all ways were is in `scores`."""

    def __init__(self, llm: ChatModel, projector: Projector, seed: int = 0) -> None:
        self.llm, self.projector = llm, projector
        self.rng = np.random.default_rng(seed)
        self.scores = {name: Score(name) for name in WAYS}
        self.another = torch.zeros(0, projector.config.width)  # soft tokens of some other page

    @torch.inference_mode()
    def measure(self, stretch: Stretch, another: Stretch, questions: int) -> None:
        """Add what comes of a stretch and of at most so many questions about it. `another`: of some
        other page."""
        self.another = self._project(another)
        self._continue(stretch)
        self._repeat(stretch)
        for _ in range(questions):
            if question := make_question(stretch.text, self.rng):
                self._ask(stretch, question)

    def _continue(self, stretch: Stretch) -> None:
        target = self.llm.target(stretch.follows, ends=False)
        for shown in self._shown(stretch, " ".join(stretch.text.split()[-TAIL_WORDS:])):
            (logits,) = self.llm.logits([Row(self.llm.prompt(shown.vectors, CONTINUE), target)])
            nats = float(F.cross_entropy(logits, target, reduction="sum"))
            for score in self._scores(shown):
                score.bits.append(nats / log(2) / len(stretch.follows))
                score.tokens.append(len(shown.vectors))

    def _repeat(self, stretch: Stretch) -> None:
        each = self._shown(stretch, "")
        limit = len(self.llm.ids(stretch.text)) + ANSWER_TOKENS
        prompts = [self.llm.prompt(shown.vectors, REPEAT) for shown in each]
        target = self.llm.target(stretch.text, ends=True)
        forced = self.llm.logits([Row(prompt, target) for prompt in prompts])
        answers = self.llm.generate(prompts, limit)
        for shown, logits, ids in zip(each, forced, answers, strict=True):
            said, wanted = self.llm.text(ids), stretch.text.split()
            wrong = Levenshtein.distance(said, stretch.text) / len(stretch.text)
            kept = LCSseq.similarity(said.split(), wanted) / len(wanted)
            for score in self._scores(shown):
                score.guessed.append(float((logits.argmax(-1) == target).float().mean()))
                score.characters.append(max(1 - wrong, 0.0))
                score.words.append(kept)

    def _ask(self, stretch: Stretch, question: Question) -> None:
        each = self._shown(stretch, question.text)
        prompts = [self.llm.prompt(shown.vectors, question.text) for shown in each]
        for shown, ids in zip(each, self.llm.generate(prompts, ANSWER_TOKENS), strict=True):
            answered = _plain(question.answer) in _plain(self.llm.text(ids))
            chosen = self._likeliest(shown.vectors, question) == question.answer
            for score in self._scores(shown):
                score.answered.append(answered)
                score.chosen.append(chosen)

    def _likeliest(self, vectors: Tensor, question: Question) -> str:
        """The choice with the most probable tokens."""
        prompt = self.llm.prompt(vectors, question.text)
        rows = [Row(prompt, self.llm.target(each, ends=True)) for each in question.choices]
        found = self.llm.logits(rows)
        nats = [
            float(F.cross_entropy(logits, row.target))
            for row, logits in zip(rows, found, strict=True)
        ]
        return question.choices[int(np.argmin(nats))]

    def _shown(self, stretch: Stretch, query: str) -> list[Shown]:
        """What stands for a stretch; the same text is shown once."""
        soft = self._project(stretch)
        texts = {NOTHING: "", WHOLE: stretch.text}
        sizes: dict[str, tuple[int, Sized]] = {
            TOKENS: (len(soft), lambda text: len(self.llm.ids(text))),
            BYTES: (int(stretch.stored_bytes), lambda text: len(text.encode())),
        }
        for budget, (room, size) in sizes.items():
            for way in CHOICES:
                texts[f"{way.name}, {budget}"] = way.keep(stretch.text, query, room, size, self.rng)
        named: dict[str, list[str]] = {}
        for name, text in texts.items():
            named.setdefault(text, []).append(name)
        embedded = [Shown(names, self.llm.embed(text)) for text, names in named.items()]
        return [Shown([PROJECTED], soft), Shown([ANOTHER], self.another), *embedded]

    def _project(self, stretch: Stretch) -> Tensor:
        return self.projector.project(stretch.features.to(self.llm.embeddings.device))

    def _scores(self, shown: Shown) -> list[Score]:
        return [self.scores[name] for name in shown.names]


def verdict(scores: Sequence[Score]) -> tuple[bool, str]:
    """Whether a projector may ship, and why: it must beat the best text at equal tokens by every
    measure."""
    (projected,) = (score for score in scores if score.name == PROJECTED)
    rivals = [score.figures() for score in scores if score.name.endswith(TOKENS)]
    best = [max(column) for column in zip(*rivals, strict=True)]
    won = sum(ours > theirs for ours, theirs in zip(projected.figures(), best, strict=True))
    ships = won == len(best)
    told = "ships" if ships else "does not ship"
    return ships, f"{told}: beats the best text at equal tokens by {won} of {len(best)} measures"


def _plain(text: str) -> str:
    """Words alone, in lower case."""
    return " ".join(re.findall(r"\w+", text.lower()))
