"""Who finds turns: optimem, and what it must beat in the same run.

Each gives ids of turns within a budget of tokens; those of a text are counted by DeepSeek's
tokenizer, without attribution, for all alike.
"""

import math
from collections import Counter
from collections.abc import Iterable
from functools import partial
from random import Random
from typing import NamedTuple, Protocol

from benchmarks.recall.talks import Asked, Said, Talk
from optimem import OpticalMemory
from optimem.memory.recall.embedding import Embeddings
from optimem.memory.recall.prompting import count_tokens
from optimem.testing import open_memory
from optimem.text.terms import terms
from optimem.turns import Turn

SCOPE = "benchmark"
DAY = 86_400.0
K1, B = 1.5, 0.75


class Contender(Protocol):
    """Finds turns of one conversation. `name`: in the table."""

    name: str

    def found(self, asked: Asked, budget: int) -> list[str]:
        """The ids of turns that together have at most `budget` tokens, best first."""


class Setting(NamedTuple):
    """How optimem is measured. `embeddings`: what it finds by meaning with. `days`: since the last
    turn was said, with pages that the model reads and that fade by the default policy; None for
    fresh pages and a reader that misreads nothing."""

    embeddings: Embeddings | None = None
    days: float | None = None


FRESH = Setting()


class Optimem:
    """The memory itself. What is measured is finding, and with `Setting.days` reading, too."""

    name = "optimem"

    def __init__(self, talk: Talk, setting: Setting = FRESH) -> None:
        faded = setting.days is not None
        open_one = partial(OpticalMemory.open, ":memory:") if faded else open_memory
        self.memory: OpticalMemory = open_one(embeddings=setting.embeddings)
        for said in talk.turns:
            self.memory.append(SCOPE, as_turn(said), now=said.time)
        end = talk.turns[-1].time
        self.memory.flush(SCOPE, now=end)
        if setting.days is not None:
            self.memory.sweep(now=end + setting.days * DAY)

    def found(self, asked: Asked, budget: int) -> list[str]:
        """What recall finds for the budget."""
        hits = self.memory.recall(SCOPE, asked.text, budget=budget, now=asked.time, refresh=False)
        return [hit.id for hit in hits]


class Bm25:
    """BM25 over single turns, each with its speaker's name as a word."""

    name = "BM25 over turns"

    def __init__(self, talk: Talk) -> None:
        self.turns = talk.turns
        self.words = [Counter(terms(f"{said.speaker or ''} {said.text}")) for said in talk.turns]
        self.mean = sum(words.total() for words in self.words) / len(self.words)
        self.holding = Counter(term for words in self.words for term in words)

    def found(self, asked: Asked, budget: int) -> list[str]:
        """The turns that score, best first."""
        wanted = set(terms(asked.text))
        scored = [(self._score(words, wanted), at) for at, words in enumerate(self.words)]
        best = sorted((each for each in scored if each[0] > 0), reverse=True)
        return fitting(sized(self.turns[at] for _, at in best), budget)

    def _score(self, words: Counter[int], wanted: set[int]) -> float:
        damping = K1 * (1 - B + B * words.total() / self.mean)
        return sum(
            math.log(1 + (len(self.words) - self.holding[term] + 0.5) / (self.holding[term] + 0.5))
            * words[term] / (words[term] + damping)
            for term in wanted
        )  # fmt: skip


class Newest:
    """The last turns."""

    name = "newest"

    def __init__(self, talk: Talk) -> None:
        self.turns = talk.turns

    def found(self, asked: Asked, budget: int) -> list[str]:
        """The last turns, newest first."""
        return fitting(sized(reversed(self.turns)), budget)


class Chance:
    """Turns at random, the same for the same question."""

    name = "random"

    def __init__(self, talk: Talk) -> None:
        self.turns = talk.turns

    def found(self, asked: Asked, budget: int) -> list[str]:
        """Some turns."""
        shuffled = Random(asked.text).sample(self.turns, len(self.turns))
        return fitting(sized(shuffled), budget)


CONTENDERS = (Optimem, Bm25, Newest, Chance)


def sized(turns: Iterable[Said]) -> Iterable[tuple[str, int]]:
    """Ids and tokens of turns."""
    return ((said.id, count_tokens(said.text)) for said in turns)


def fitting(turns: Iterable[tuple[str, int]], budget: int) -> list[str]:
    """The ids of turns, best first, without those for which there is no room left."""
    kept = []
    for id, tokens in turns:
        if tokens <= budget:
            kept.append(id)
            budget -= tokens
    return kept


def as_turn(said: Said) -> Turn:
    """A turn for the memory."""
    return Turn(text=said.text, role=said.role, name=said.speaker, id=said.id, time=said.time)
