"""The same pages as months pass: what is right, what is marked, what is wrong unnoticed.

A memory without a floor is used, so that the figures show what a floor would stop.
"""

from collections.abc import Iterator
from typing import NamedTuple

from optimem.build import open_memory
from optimem.compression import PageReader
from optimem.decay import DAY, DecayPolicy
from optimem.evaluation.kinds import Kind
from optimem.evaluation.measures import MARK
from optimem.scoring import silent_errors

AGES = (0.0, 2 * DAY, 10 * DAY, 60 * DAY, 200 * DAY)
"""Seconds since the writing: one for each tier of the default policy, sharpest first."""
SCOPE = "evaluation"


class FadedPages(NamedTuple):
    """Shares of the characters at an age; the three add up to about 1, since a character
    that was invented counts too. `tiers`: pages by tier."""

    kind: str
    age: float
    tiers: dict[str, int]
    right: float
    marked: float
    silent: float


def fade(kind: Kind, texts: list[str], reader: PageReader) -> Iterator[FadedPages]:
    """Remember texts, and read them at every age."""
    policy = DecayPolicy(floor=0.0, write_error=1.0)
    with open_memory(":memory:", policy=policy, reader=reader) as memory:
        turns = [{"text": text, "role": "text", "id": str(n)} for n, text in enumerate(texts)]
        memory.append(SCOPE, turns, now=0.0)
        memory.flush(SCOPE, now=0.0)
        for age in AGES:
            memory.sweep(now=age)
            read = [turn.text for turn in memory.reconstruct(SCOPE, now=age)]
            size = sum(map(len, texts))
            marked = sum(text.count(MARK) for text in read) / size
            silent = sum(map(silent_errors, texts, read)) / size
            tiers = memory.stats(SCOPE).pages_by_tier
            yield FadedPages(kind.name, age, tiers, 1 - marked - silent, marked, silent)
