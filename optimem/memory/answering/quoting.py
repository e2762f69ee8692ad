"""Which sentence of what was recalled answers a question, and how likely it does: a linear model
over what speaks for each sentence, in which "none of them" is one more answer.

`python -m benchmarks.recall.fit` prints the table and says on what it was chosen. Knows nothing of
how the figures are found (see `evidence`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.answering.evidence import FEATURES, Candidate
from optimem.memory.recall.snippets import Snippet, widen

WEIGHTS: dict[str, float] = {
    "share": 5.71,
    "alone": 2.69,
    "mistyped": -2.29,
    "before": 0.18,
    "says": -0.07,
    "asks": 0.51,
    "right_type": 1.24,
    "wrong_type": -2.71,
    "speaker": 0.26,
    "nobody": -1.50,
    "dated": -1.33,
    "told": 9.62,
    "rank": 1.94,
    "score": 1.74,
    "match": 0.58,
    "newest": 0.11,
    "older": -0.64,
    "wanted": 3.53,
    "unwanted": -0.51,
    "whole": 2.05,
}
"""How much each figure of `Evidence` speaks for a sentence."""
NONE = 9.17
"""What speaks for "none of them"."""
THRESHOLD = 0.45
"""Probability from which on a sentence is quoted: of the questions on which the weights were
chosen, at least nine in ten quotations are right then, and nine in ten of those without an answer
get none."""
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


def best_quotation(
    candidates: Sequence[Candidate],
    weights: NDArray[np.float64] | None = None,
    none: float | None = None,
) -> Quotation | None:
    """The quotation that most likely answers, None without candidates. `weights` (F,), `none`: in
    place of `WEIGHTS` and `NONE`."""
    if not candidates:
        return None
    figures = np.array([each.evidence for each in candidates])  # (N, F)
    likely = probabilities(
        figures, table() if weights is None else weights, NONE if none is None else none
    )
    best = candidates[int(likely.argmax())]
    turn = best.found.turn
    snippet = widen(turn.guess, best.snippet, LENGTH, lambda start, end: end - start)
    quotation = Quotation(best, snippet, 0.0)
    inside = [quotation.holds(each) for each in candidates]
    return quotation._replace(probability=min(float(likely[inside].sum()), 1.0))


def table() -> NDArray[np.float64]:
    """The weights in the order of `FEATURES`."""
    return np.array([WEIGHTS[name] for name in FEATURES])


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
