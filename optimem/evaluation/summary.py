"""Scores of pages as figures: shares over all pages together, with their intervals. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from optimem.evaluation.measures import PageScore, calibration_error, sum_bins

RESAMPLES = 1000
LEVEL = 0.95


class Interval(NamedTuple):
    """A value and the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


class PageResult(NamedTuple):
    """One page, encoded and read. `score`: as read, from the tokens alone. `tokens`: of its text.
    `data_bytes`: of its vision tokens; `correction_bytes`: of the corrections that a memory stores
    beside them; `left`: edits that these leave. `write`: seconds to draw and encode it; `read`:
    seconds to decode it."""

    score: PageScore
    tokens: int
    text_bytes: int
    data_bytes: int
    correction_bytes: int
    left: int
    write: float
    read: float


class Figures(NamedTuple):
    """A corpus at a setting, as read from the tokens alone but for `right_corrected`: characters
    right with the corrections, of `correction_bytes`, that a memory stores beside them. Shares lie
    between 0 and 1; `exact_ids` is None for a text without any. `ratio`: text tokens per vision
    token; `ratio_positions`: per position of a causal decoder. `silent`: characters wrong and not
    marked as uncertain. `calibration`: expected calibration error; `reliability`: its 15 bins.
    `write`, `read`: seconds per page."""

    pages: int
    right: Interval
    word_error: Interval
    exact_lines: float
    exact_ids: float | None
    precision: float
    omitted: float
    invented: float
    looped: float
    marked: float
    silent: float
    calibration: float
    reliability: list[list[float]]
    ratio: float
    ratio_positions: float
    text_bytes: int
    data_bytes: int
    correction_bytes: int
    right_corrected: float
    write: float
    read: float


def summarise(results: Sequence[PageResult], tokens: int, positions: int, seed: int) -> Figures:
    """The figures of several pages. `tokens`, `positions`: of one page at their tier."""
    scores = [result.score for result in results]
    characters = max(sum(score.characters for score in scores), 1)
    ids, lines = sum(s.ids for s in scores), sum(s.lines for s in scores)
    count, text_tokens = len(results), sum(result.tokens for result in results)
    bins = sum_bins(scores)
    return Figures(
        pages=count,
        right=bootstrap(scores, characters_right, seed),
        word_error=bootstrap(scores, word_error_rate, seed),
        exact_lines=sum(s.lines_exact for s in scores) / max(lines, 1),
        exact_ids=sum(s.ids_exact for s in scores) / ids if ids else None,
        precision=sum(s.precision for s in scores) / count,
        omitted=sum(s.omitted for s in scores) / characters,
        invented=sum(s.invented for s in scores) / characters,
        looped=sum(s.looped for s in scores) / characters,
        marked=sum(s.marked for s in scores) / characters,
        silent=sum(s.silent for s in scores) / characters,
        calibration=calibration_error(bins),
        reliability=bins.tolist(),
        ratio=text_tokens / (count * tokens),
        ratio_positions=text_tokens / (count * positions),
        text_bytes=sum(r.text_bytes for r in results),
        data_bytes=sum(r.data_bytes for r in results),
        correction_bytes=sum(r.correction_bytes for r in results),
        right_corrected=1 - sum(r.left for r in results) / max(sum(s.length for s in scores), 1),
        write=sum(r.write for r in results) / count,
        read=sum(r.read for r in results) / count,
    )


def bootstrap(
    pages: Sequence[PageScore], figure: Callable[[Sequence[PageScore]], float], seed: int
) -> Interval:
    """A figure and its 95 % interval over 1,000 resamples of the pages, which always holds the
    figure. A single page has no spread: its bounds are the value."""
    value = figure(pages)
    if len(pages) < 2:
        return Interval(value, value, value)
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(pages), size=(RESAMPLES, len(pages)))
    resampled = [figure([pages[i] for i in row]) for row in draws.tolist()]
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, min(float(low), value), max(float(high), value))


def characters_right(pages: Sequence[PageScore]) -> float:
    """1 − edit distance / length, over all pages together."""
    length = sum(page.length for page in pages)
    return 1 - sum(page.edits for page in pages) / length if length else 1.0


def word_error_rate(pages: Sequence[PageScore]) -> float:
    """Word edits per word of the text, over all pages together."""
    return sum(page.word_edits for page in pages) / max(sum(page.words for page in pages), 1)
