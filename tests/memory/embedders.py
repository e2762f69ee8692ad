"""Embedding models for tests: a word is a direction, and words of one meaning are one direction."""

import re
from collections.abc import Sequence

import numpy as np

from optimem.text.terms import STOP_WORDS

ALIKE = {"physician": "doctor", "hound": "dog", "puppy": "dog"}


class WordModel:
    """A model in the shape of LangChain's. `seed`: another one is another model. `fails`: an error
    that is raised instead. `asked`: the texts that it was given."""

    def __init__(self, seed: int = 0, width: int = 256) -> None:
        self.seed, self.width = seed, width
        self.fails: Exception | None = None
        self.asked: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        if self.fails:
            raise self.fails
        self.asked.append(text)
        words = [ALIKE.get(word, word) for word in re.findall(r"\w+", text.lower())]
        directions = [self._direction(word) for word in words if not STOP_WORDS.fullmatch(word)]
        found = sum(directions, np.zeros(self.width))
        return (found if directions else np.ones(self.width)).tolist()

    def _direction(self, word: str) -> np.ndarray:
        seed = [self.seed, *word.encode()]
        return np.random.RandomState(seed).standard_normal(self.width)


def embed(texts: list[str]) -> Sequence[Sequence[float]]:
    """The same as a function."""
    return WordModel().embed_documents(texts)
