"""Pages drawn, encoded, read back and scored: the part of a run that takes time.

The same pages as months pass: what is right, what is marked, what is wrong unnoticed.

A memory without a floor is used, so that the figures show what a floor would stop.
"""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from optimem.api.memory import OpticalMemory
from optimem.evaluation.kinds import Kind
from optimem.evaluation.measures import MARK, UNCERTAIN, reliability, score_text, silent_errors
from optimem.evaluation.summary import PageResult
from optimem.evaluation.tokenizers import Counter
from optimem.memory.decay import DAY, DecayPolicy
from optimem.protocols import Cells, PageCodec, ReadCells, VisionTokens
from optimem.tiers import Tier

BATCH = 8  # pages drawn and encoded at a time


def score_pages(
    texts: Sequence[str], tier: Tier, reader: PageCodec, tokens: Counter
) -> list[PageResult]:
    """Encode and read one page for each text, and score it."""
    results: list[PageResult] = []
    for start in range(0, len(texts), BATCH):
        results += _score_batch(texts[start : start + BATCH], tier, reader, tokens)
    return results


def _score_batch(
    texts: Sequence[str], tier: Tier, reader: PageCodec, tokens: Counter
) -> list[PageResult]:
    cells = [reader.renderer.cells(text) for text in texts]
    started = time.perf_counter()
    encoded = reader.encoder.encode([reader.renderer.page(each) for each in cells], tier)
    written = time.perf_counter()
    read = reader.decoder.read(encoded)
    done = time.perf_counter()
    seconds = ((written - started) / len(texts), (done - written) / len(texts))
    return [
        _result(text, drawn, seen, page, reader, tokens, seconds)
        for text, drawn, seen, page in zip(texts, cells, read, encoded, strict=True)
    ]


def _result(
    text: str, drawn: Cells, seen: ReadCells, page: VisionTokens, reader: PageCodec,
    tokens: Counter, seconds: tuple[float, float],
) -> PageResult:  # fmt: skip
    reading = reader.renderer.text(seen)
    score = score_text(text, reading.text, reading.marked(UNCERTAIN))
    if len(seen.ids) == len(drawn):  # a reader with cells of its own has no curve
        score = score._replace(bins=reliability(seen.probability, seen.ids == drawn))
    return PageResult(
        score, len(tokens.ends(text)), len(text.encode()), len(page.data), seconds[0], seconds[1]
    )


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


def fade(kind: Kind, texts: list[str], reader: PageCodec) -> Iterator[FadedPages]:
    """Remember texts, and read them at every age."""
    policy = DecayPolicy(floor=0.0, write_error=1.0)
    with OpticalMemory.open(":memory:", policy=policy, codec=reader) as memory:
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
