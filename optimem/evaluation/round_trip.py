"""Pages drawn, encoded, read back and scored: the part of an evaluation that takes time.

`score_pages` goes through the codec alone; `score_faded` through a memory, as months pass.
"""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from optimem.api.memory import OpticalMemory
from optimem.evaluation.corpora import Corpus
from optimem.evaluation.measures import UNCERTAIN, reliability, score_text, silent_errors
from optimem.evaluation.summary import PageResult
from optimem.evaluation.tokenizers import Tokenizer, count_tokens
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.writing.drawing import certain
from optimem.omem.corrections import find_corrections
from optimem.protocols import REPLACEMENT, Cells, PageCodec, ReadCells, VisionTokens
from optimem.text.keeping import kept_cells
from optimem.tiers import Tier

BATCH = 8  # pages drawn and encoded at a time
AGES = {
    Tier.LARGE: 0.0,
    Tier.BASE: 2 * DAY,
    Tier.SMALL: 10 * DAY,
    Tier.TINY: 60 * DAY,
    Tier.TRACE: 200 * DAY,
}
"""Seconds after writing, at which the default policy has faded a page to each tier."""
NO_FLOOR = DecayPolicy(floor=0.0, write_error=1.0)
"""Lets every page fade, so that the figures show what a floor would prevent."""
SCOPE = "evaluation"


class FadedPages(NamedTuple):
    """A corpus at an age in seconds. `tiers`: pages by tier. `right`, `marked`, `silent`: shares
    of its characters; as invented characters count too, they add up to about 1."""

    name: str
    age: float
    tiers: dict[str, int]
    right: float
    marked: float
    silent: float


def score_pages(
    texts: Sequence[str], tier: Tier, codec: PageCodec, tokenizer: Tokenizer
) -> list[PageResult]:
    """Draw one page for each text, encode it, read it back and score the reading."""
    results: list[PageResult] = []
    for start in range(0, len(texts), BATCH):
        results += _score_batch(texts[start : start + BATCH], tier, codec, tokenizer)
    return results


def _score_batch(
    texts: Sequence[str], tier: Tier, codec: PageCodec, tokenizer: Tokenizer
) -> list[PageResult]:
    cells = [codec.renderer.cells(text) for text in texts]
    started = time.perf_counter()
    tokens = codec.encoder.encode([codec.renderer.page(each) for each in cells], tier)
    written = time.perf_counter()
    read = codec.decoder.read(tokens)
    done = time.perf_counter()
    seconds = ((written - started) / len(texts), (done - written) / len(texts))
    return [
        _page_result(*page, codec, tokenizer, seconds)
        for page in zip(texts, cells, tokens, read, strict=True)
    ]


def _page_result(
    text: str, cells: Cells, tokens: VisionTokens, read: ReadCells, codec: PageCodec,
    tokenizer: Tokenizer, seconds: tuple[float, float],
) -> PageResult:  # fmt: skip
    reading = codec.renderer.text(read)
    score = score_text(text, reading.text, reading.marked(UNCERTAIN))
    left, size = score.edits, 0
    if len(read.ids) == len(cells):  # a decoder with cells of its own has neither of these
        score = score._replace(bins=reliability(read.probability, read.ids == cells))
        left, size = _corrected(text, cells, tokens.tier, read, codec)
    return PageResult(
        score, count_tokens(text, tokenizer), len(text.encode()), len(tokens.data), size, left,
        *seconds,
    )  # fmt: skip


def _corrected(
    text: str, cells: Cells, tier: Tier, read: ReadCells, codec: PageCodec
) -> tuple[int, int]:
    """Edits that are left with the corrections that a memory stores at a tier, and their bytes."""
    drawn = certain(cells)
    kept = kept_cells(codec.renderer.text(drawn), len(cells), DecayPolicy().keep_at(tier))
    found = find_corrections(drawn, read, kept, UNCERTAIN)
    fixed = codec.renderer.text(found.apply(read)).text
    return Levenshtein.distance(text, fixed), len(found.pack(len(cells)))


def score_faded(corpus: Corpus, texts: Sequence[str], codec: PageCodec) -> Iterator[FadedPages]:
    """Remember texts of a corpus in a memory without a floor, and read them at every age."""
    size = sum(map(len, texts))
    with OpticalMemory.open(":memory:", policy=NO_FLOOR, codec=codec) as memory:
        turns = [{"text": text, "role": "text", "id": str(n)} for n, text in enumerate(texts)]
        memory.append(SCOPE, turns, now=0.0)
        memory.flush(SCOPE, now=0.0)
        for age in AGES.values():
            memory.sweep(now=age)
            read = [turn.text for turn in memory.reconstruct(SCOPE, now=age)]
            marked = sum(text.count(REPLACEMENT) for text in read) / size
            silent = sum(map(silent_errors, texts, read)) / size
            tiers = memory.stats(SCOPE).pages_by_tier
            yield FadedPages(corpus.name, age, tiers, 1 - marked - silent, marked, silent)
