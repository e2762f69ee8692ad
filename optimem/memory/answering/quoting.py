"""Which sentence of what was recalled answers a question, and how likely it does: a linear model
over what speaks for each sentence, in which "none of them" is one more answer.

`python -m benchmarks.recall.fit` prints the tables and says on what it was chosen. Knows nothing of
how the figures are found (see `evidence`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.answering.evidence import FEATURES, Candidate
from optimem.memory.recall.snippets import Snippet, widen


class Scale(NamedTuple):
    """How figures are weighed. `weights`: how much each of `Evidence` speaks for a sentence.
    `none`: what speaks for "none of them". `threshold`: probability from which on a sentence is
    quoted."""

    weights: Mapping[str, float]
    none: float
    threshold: float

    @property
    def row(self) -> NDArray[np.float64]:
        """The weights in the order of `FEATURES`, (F,)."""
        return np.array([self.weights[name] for name in FEATURES])


BY_WORDS = Scale(
    {
        "share": 4.96,
        "alike": 6.34,
        "after": 6.82,
        "meant": 0.00,
        "unlike": 0.00,
        "alone": 5.31,
        "mistyped": -2.10,
        "before": 0.22,
        "says": -0.05,
        "asks": -0.72,
        "right_type": 0.89,
        "wrong_type": -3.40,
        "speaker": 1.12,
        "nobody": -2.59,
        "dated": -0.95,
        "told": 7.81,
        "rank": 1.32,
        "score": 0.58,
        "match": 1.41,
        "newest": -0.52,
        "older": -1.03,
        "wanted": 3.30,
        "unwanted": -0.73,
        "whole": 3.83,
    },
    none=9.29,
    threshold=0.50,
)
"""Where a memory has no embeddings. From its threshold on, of the questions on which the weights
were chosen, at least nine in ten quotations are right, and nine in ten of those without an answer
get none."""
BY_MEANING = Scale(
    {
        "share": 4.20,
        "alike": 5.31,
        "after": 5.92,
        "meant": 3.71,
        "unlike": -0.95,
        "alone": 4.83,
        "mistyped": -1.93,
        "before": -0.63,
        "says": 0.18,
        "asks": -0.89,
        "right_type": 0.67,
        "wrong_type": -3.26,
        "speaker": 1.53,
        "nobody": -2.71,
        "dated": -0.80,
        "told": 7.80,
        "rank": 1.13,
        "score": -0.15,
        "match": 1.19,
        "newest": -0.48,
        "older": -1.00,
        "wanted": 3.05,
        "unwanted": -0.89,
        "whole": 4.09,
    },
    none=9.01,
    threshold=0.50,
)
"""The same where a memory has embeddings, chosen with those of minilm."""
RIVALS = 12
"""Sentences that count against one another: a long text has hundreds of poor ones."""
LENGTH = 300
"""Characters to which a quotation is widened with the sentences around it."""


class Quotation(NamedTuple):
    """What may be quoted. `candidate`: the sentences that answer best. `snippet`: these with the
    ones around them. `probability`: that the answer is in there."""

    candidate: Candidate
    snippet: Snippet
    probability: float

    def holds(self, other: Candidate) -> bool:
        """Whether other sentences start within it."""
        same = other.found.turn.number == self.candidate.found.turn.number
        return same and self.snippet.start <= other.snippet.start < self.snippet.end

    def repeated_by(self, other: Candidate) -> bool:
        """Whether other sentences say the same word for word, and all that the question does."""
        return other.text == self.candidate.text and other.evidence.share == 1.0


def best_quotation(candidates: Sequence[Candidate], scale: Scale = BY_WORDS) -> Quotation | None:
    """The quotation that most likely answers, None without candidates."""
    if not candidates:
        return None
    figures = np.array([each.evidence for each in candidates])  # (N, F)
    likely = probabilities(figures, scale.row, scale.none)
    best = candidates[int(likely.argmax())]
    turn = best.found.turn
    snippet = widen(turn.guess, best.snippet, LENGTH, lambda start, end: end - start)
    quotation = Quotation(best, snippet, 0.0)
    agreeing = [quotation.holds(each) or quotation.repeated_by(each) for each in candidates]
    return quotation._replace(probability=min(float(likely[agreeing].sum()), 1.0))


def probabilities(
    figures: NDArray[np.float64], weights: NDArray[np.float64], none: float
) -> NDArray[np.float64]:
    """How likely each of N sentences answers, (N,), given their `figures` (N, F), the `weights`
    (F,) and what speaks for none of them."""
    scores = figures @ weights
    powers = np.exp(scores - max(scores.max(), none))
    best = np.sort(powers)[-RIVALS:].sum() + np.exp(none - max(scores.max(), none))
    shares: NDArray[np.float64] = np.minimum(powers / best, 1.0)
    return shares
