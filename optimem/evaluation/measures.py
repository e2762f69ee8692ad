"""How faithful one reading of a text is: edit distances and counts. Pure; knows nothing of pages
or models.

Counts rather than shares, so that `summary` can add them up over pages and a long page weighs
more than a short one.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from optimem.protocols import REPLACEMENT
from optimem.text.exact import exact_values

BINS = 15
"""Equal-width bins of the reliability curve, as in Guo et al. (arXiv 1706.04599)."""
UNCERTAIN = 0.5
"""Characters less probable than this are marked, as with `DecayPolicy.uncertain`."""
WINDOW = 20  # characters; a window read more often than written is a loop


def accuracy(truth: str, read: str) -> float:
    """Share of characters right: 1 − edit distance / length of the longer text, so that
    invented text costs as much as lost text. 1.0 for two empty texts."""
    return float(Levenshtein.normalized_similarity(truth, read))


def silent_errors(truth: str, read: str) -> int:
    """Characters of `read` that are wrong or missing and not marked as uncertain (U+FFFD)."""
    edits = Levenshtein.editops(truth, read)
    return sum(edit.tag == "delete" or read[edit.dest_pos] != REPLACEMENT for edit in edits)


def wrong_characters(truth: str, read: str) -> list[bool]:
    """For each character read, whether the shortest edit replaces or inserts it."""
    wrong = [False] * len(read)
    for edit in Levenshtein.editops(truth, read):
        if edit.tag != "delete":
            wrong[edit.dest_pos] = True
    return wrong


class PageScore(NamedTuple):
    """The reading of one page against its text.

    `length`: of the longer of the two. `edits`: Levenshtein distance in characters;
    `word_edits`: in words split at white space. `lines_exact`, `ids_exact`: lines and exact
    values of the text that are read verbatim. `precision`: see `word_precision`. `omitted`,
    `invented`: characters that the shortest edit deletes or inserts. `looped`: see `loops`.
    `marked`: characters marked as uncertain; `silent`: see `silent_errors`. `bins`: see
    `reliability`.
    """

    characters: int
    length: int
    edits: int
    words: int
    word_edits: int
    lines: int
    lines_exact: int
    ids: int
    ids_exact: int
    precision: float
    omitted: int
    invented: int
    looped: int
    marked: int
    silent: int
    bins: list[list[float]]


def score_text(truth: str, read: str, marked: str | None = None) -> PageScore:
    """Score a reading. `marked`: the same reading with uncertain characters as U+FFFD."""
    shown = read if marked is None else marked
    edits = Levenshtein.editops(truth, read)
    tags = Counter(edit.tag for edit in edits)
    lines, ids = _lines(truth), _ids(truth)
    return PageScore(
        characters=len(truth),
        length=max(len(truth), len(read)),
        edits=len(edits),
        words=len(truth.split()),
        word_edits=Levenshtein.distance(truth.split(), read.split()),
        lines=lines.total(),
        lines_exact=(lines & _lines(read)).total(),
        ids=ids.total(),
        ids_exact=(ids & _ids(read)).total(),
        precision=word_precision(truth, read),
        omitted=tags["delete"],
        invented=tags["insert"],
        looped=loops(truth, read),
        marked=shown.count(REPLACEMENT),
        silent=silent_errors(truth, shown),
        bins=np.zeros((BINS, 3)).tolist(),
    )


def word_precision(truth: str, read: str) -> float:
    """Share of the distinct words read that occur in the text, as the Fox benchmark's script
    counts them (sets of words split at white space). 1.0 if nothing was read."""
    words = set(read.split())
    return len(words & set(truth.split())) / len(words) if words else 1.0


def loops(truth: str, read: str) -> int:
    """Places where a run of 20 characters is read again more often than it is written."""
    if len(read) <= WINDOW:
        return 0
    return sum(max(times - 1, 0) for times in (_windows(read) - _windows(truth)).values())


def reliability(probability: NDArray[np.float32], right: NDArray[np.bool_]) -> list[list[float]]:
    """15 × (cells, sum of their probabilities, cells right), by probability."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    columns = (np.ones(len(bins)), probability, right)
    counted = [np.bincount(bins, weights=column, minlength=BINS) for column in columns]
    table: list[list[float]] = np.stack(counted, axis=1).tolist()
    return table


def sum_bins(scores: Sequence[PageScore]) -> NDArray[np.float64]:
    """(15, 3) the bins of several pages added up."""
    total: NDArray[np.float64] = np.sum([score.bins for score in scores], axis=0)
    return total


def calibration_error(bins: NDArray[np.float64]) -> float:
    """Expected calibration error of (15, 3) bins: the mean gap between probability and share
    right, weighted by the cells of each bin. 0.0 without cells."""
    cells = bins[:, 0].sum()
    return float(np.abs(bins[:, 1] - bins[:, 2]).sum() / cells) if cells else 0.0


def _windows(text: str) -> Counter[str]:
    return Counter(text[at : at + WINDOW] for at in range(len(text) - WINDOW + 1))


def _lines(text: str) -> Counter[str]:
    return Counter(line for line in text.split("\n") if line.strip())


def _ids(text: str) -> Counter[str]:
    return Counter(text[start:end] for start, end in exact_values(text))
