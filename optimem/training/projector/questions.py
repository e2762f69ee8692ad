"""Questions that a text answers, made from the text itself, each with wrong answers of its kind.

What came after some words; the value of a key; the name that fills a gap. Knows no model.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

CHOICES = 4
"""Answers to choose from, the right one among them."""
ASKED, ANSWERED = 4, 3
"""Words that a question about what came after quotes, and words of its answer."""
LONGEST = 40
"""Characters of a value or a name."""

KEY_VALUE = re.compile(
    r'(?m)^[ \t]*"?([A-Za-z_][\w .-]{1,30}?)"?[ \t]*:[ \t]*"?([^\s"{\[,][^"\n,]*)'
)
NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]+)?")
"""A capitalised word, or two, inside a sentence."""
AROUND = 30
"""Characters quoted on both sides of a gap."""


class Question(NamedTuple):
    """`choices`: the right answer and wrong ones, without order; `kind`: how it was made."""

    kind: str
    text: str
    answer: str
    choices: tuple[str, ...]


def make_question(text: str, rng: np.random.Generator) -> Question | None:
    """A question that the text answers, of a kind that it has an answer for; None for a text that
    has too few words."""
    for place in rng.permutation(len(KINDS)):
        if found := KINDS[place](text, rng):
            return found
    return None


def after(text: str, rng: np.random.Generator) -> Question | None:
    """What came after some words that occur once."""
    words = text.split()
    places = np.arange(1, len(words) - ASKED - ANSWERED)
    if len(places) < 2 * CHOICES:
        return None
    texts = {int(at): " ".join(words[at + ASKED : at + ASKED + ANSWERED]) for at in places}
    place = int(rng.choice(places))
    asked, answer = " ".join(words[place : place + ASKED]), texts.pop(place)
    if " ".join(words).count(asked) > 1:
        return None
    question = f'Which {ANSWERED} words come right after "{asked}"?'
    return _question("after", question, answer, list(texts.values()), rng)


def value(text: str, rng: np.random.Generator) -> Question | None:
    """The value of a key that has one."""
    found = [(key.strip(), said.strip()) for key, said in KEY_VALUE.findall(text)]
    pairs = [(key, said) for key, said in found if said and len(said) <= LONGEST]
    keys = [key for key, _ in pairs]
    once = [pair for pair in pairs if keys.count(pair[0]) == 1]
    if not once:
        return None
    key, answer = once[int(rng.integers(len(once)))]
    return _question("value", f'What is the value of "{key}"?', answer, [v for _, v in pairs], rng)


def name(text: str, rng: np.random.Generator) -> Question | None:
    """The name that fills a gap."""
    found = list(NAME.finditer(text))
    if not found:
        return None
    chosen = found[int(rng.integers(len(found)))]
    before = text[max(chosen.start() - AROUND, 0) : chosen.start()].split("\n")[-1]
    behind = text[chosen.end() : chosen.end() + AROUND].split("\n")[0]
    question = f'Which name fills the gap in "{before}___{behind}"?'
    return _question("name", question, chosen[0], [each[0] for each in found], rng)


def _question(
    kind: str, text: str, answer: str, others: list[str], rng: np.random.Generator
) -> Question | None:
    """None if there are too few other answers to choose from."""
    wrong = sorted(set(others) - {answer})
    if len(wrong) < CHOICES - 1:
        return None
    chosen = rng.choice(len(wrong), CHOICES - 1, replace=False)
    return Question(kind, text, answer, (answer, *(wrong[index] for index in chosen)))


Kind = Callable[[str, np.random.Generator], Question | None]
KINDS: tuple[Kind, ...] = (after, value, name)
