"""Pages drawn, encoded, read back and scored: the part of a run that takes time."""

import time
from collections.abc import Sequence

from optimem.compression import PageReader
from optimem.evaluation.measures import UNCERTAIN, reliability, score_text
from optimem.evaluation.summary import PageResult
from optimem.evaluation.tokenizer import Counter
from optimem.protocols import Cells, ReadCells, VisionTokens
from optimem.tiers import Tier

BATCH = 8  # pages drawn and encoded at a time


def score_pages(
    texts: Sequence[str], tier: Tier, reader: PageReader, tokens: Counter
) -> list[PageResult]:
    """Encode and read one page for each text, and score it."""
    results: list[PageResult] = []
    for start in range(0, len(texts), BATCH):
        results += _score_batch(texts[start : start + BATCH], tier, reader, tokens)
    return results


def _score_batch(
    texts: Sequence[str], tier: Tier, reader: PageReader, tokens: Counter
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
    text: str, drawn: Cells, seen: ReadCells, page: VisionTokens, reader: PageReader,
    tokens: Counter, seconds: tuple[float, float],
) -> PageResult:  # fmt: skip
    reading = reader.renderer.text(seen)
    score = score_text(text, reading.text, reading.marked(UNCERTAIN))
    if len(seen.ids) == len(drawn):  # a reader with cells of its own has no curve
        score = score._replace(bins=reliability(seen.probability, seen.ids == drawn))
    return PageResult(
        score, len(tokens.ends(text)), len(text.encode()), len(page.data), seconds[0], seconds[1]
    )
