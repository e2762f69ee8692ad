"""A second look at what was found: a caller's model scores the texts of the best turns anew, before
they are cut or packed. Knows no model.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite

from optimem.errors import InputError
from optimem.memory.recall.stages import Hit
from optimem.results import Reason

POOL = 50
"""Turns that a reranker is shown."""
LEAST = 0.01
"""Score of the worst of them; that of the best is 1."""

Reranker = Callable[[str, list[str]], Sequence[float]]
"""A score of each text for a query, the higher the better; any scale will do."""


def reranked(
    query: str, hits: Sequence[Hit], texts: Mapping[int, str], rerank: Reranker
) -> list[Hit]:
    """The hits whose turns can be read, in the reranker's order; of equal scores as they were.
    Raises InputError for scores that are none, and what `rerank` raises."""
    shown = [hit for hit in hits if hit.number in texts]
    if not shown:
        return []
    scores = _checked(rerank(query, [texts[hit.number] for hit in shown]), len(shown))
    low, high = min(scores), max(scores)
    found = list[Hit]()
    for hit, score in zip(shown, scores, strict=True):
        share = 1 - (1 - LEAST) * (high - score) / (high - low) if high > low else 1.0
        reason = Reason(stage="reranker", score=share, note=f"{score:.3g}")
        found.append(hit._replace(score=share, why=[reason, *hit.why]))
    return sorted(found, key=lambda hit: -hit.score)


def _checked(given: Sequence[float], wanted: int) -> list[float]:
    scores = [float(score) for score in given]
    if len(scores) != wanted or not all(map(isfinite, scores)):
        raise InputError(
            f"rerank gave {len(scores)} scores for {wanted} texts, or one that is not finite; "
            "return one number for each"
        )
    return scores
