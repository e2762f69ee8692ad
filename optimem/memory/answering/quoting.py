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
    "share": 5.23,
    "alike": 7.00,
    "after": 5.80,
    "alone": 4.94,
    "mistyped": -1.95,
    "before": 0.22,
    "says": 0.05,
    "asks": -0.62,
    "right_type": 0.86,
    "wrong_type": -3.41,
    "speaker": 1.22,
    "nobody": -2.50,
    "dated": -0.69,
    "told": 7.67,
    "rank": 1.31,
    "score": 0.46,
    "match": 1.11,
    "newest": -0.56,
    "older": -1.06,
    "wanted": 3.35,
    "unwanted": -0.74,
    "whole": 3.99,
}
"""How much each figure of `Evidence` speaks for a sentence."""
NONE = 9.10
"""What speaks for "none of them"."""
THRESHOLD = 0.50
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
