"""How right a reading is. Knows nothing of pages or models.

How right one reading of a page is: counts that add up over pages. Pure.

Shares are taken in `summary`, so that a long page weighs more than a short one.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.text.exact import exact_values


def accuracy(truth: str, read: str) -> float:
    """Share of characters right: 1 − edit distance / length of the longer text, so that
    invented text costs as much as lost text. 1.0 for two empty texts."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_similarity(truth, read))


def silent_errors(truth: str, read: str, mark: str = "\ufffd") -> int:
    """Characters of `read` that are wrong or missing and not marked as uncertain."""
    from rapidfuzz.distance import Levenshtein

    edits = Levenshtein.editops(truth, read)
    return sum(edit.tag == "delete" or read[edit.dest_pos] != mark for edit in edits)


BINS = 15
"""Of the reliability curve, of equal width, as in Guo et al. (arXiv 1706.04599)."""
UNCERTAIN = 0.5
"""Characters less probable than this are marked, as `DecayPolicy.uncertain` does."""
MARK = "\ufffd"
WINDOW = 20  # characters; a window read more often than written is a loop


class PageScore(NamedTuple):
    """One page. `edits`: Levenshtein distance; `length`: of the longer of text and reading.
    `word_edits`: of words split at white space. `lines`, `ids`: those of the text, and how
    many come back to the letter. `precision`: as the paper's benchmark counts it: the share of
    the distinct words read that the text holds. `omitted`, `invented`: characters that the
    shortest edit deletes or inserts. `looped`: places where a run of 20 characters is read
    more often than it was written. `marked`: characters less probable than one half; `silent`:
    wrong and not marked. `bins`: 15 × (cells, sum of probability, cells right).
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
    from rapidfuzz.distance import Levenshtein

    shown = read if marked is None else marked
    edits = Levenshtein.editops(truth, read)
    kinds = Counter(edit.tag for edit in edits)
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
        omitted=kinds["delete"],
        invented=kinds["insert"],
        looped=loops(truth, read),
        marked=shown.count(MARK),
        silent=silent_errors(truth, shown, MARK),
        bins=np.zeros((BINS, 3)).tolist(),
    )


def word_precision(truth: str, read: str) -> float:
    """Distinct words read that the text holds, as the Fox benchmark's script counts (sets of
    words split at white space). 1.0 if nothing was read."""
    seen = set(read.split())
    return len(seen & set(truth.split())) / len(seen) if seen else 1.0


def loops(truth: str, read: str) -> int:
    """Places in a reading where a run of 20 characters repeats that the text does not repeat
    as often."""
    if len(read) <= WINDOW:
        return 0
    return sum(max(times - 1, 0) for times in (_windows(read) - _windows(truth)).values())


def reliability(probability: NDArray[np.float32], right: NDArray[np.bool_]) -> list[list[float]]:
    """15 × (cells, sum of probability, cells right)."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    columns = (np.ones(len(bins)), probability, right)
    counted = [np.bincount(bins, weights=column, minlength=BINS) for column in columns]
    table: list[list[float]] = np.stack(counted, axis=1).tolist()
    return table


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


def summed_bins(scores: list[PageScore]) -> NDArray[np.float64]:
    """(15, 3) bins of pages together."""
    total: NDArray[np.float64] = np.sum([score.bins for score in scores], axis=0)
    return total
