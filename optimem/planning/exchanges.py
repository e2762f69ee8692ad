"""Which steps of earlier exchanges match what is asked: a user's turn with one answer, or with one
call of tools and its results, taken together.

A step counts by the share of the asked terms that its turns hold between them, so that a result
is found by the words of the request that led to it. Knows recalled turns and weights of terms;
nothing of prompts or budgets.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from optimem.results import Recollection
from optimem.text.terms import terms
from optimem.turns import Scope

LENGTH = 0.25
"""How much less a term counts in a turn of average length than in a very short one: a long turn
holds many terms by chance."""
ALIKE = 0.6
"""Share of their terms that two exchanges have in common if they are about the same."""
STEPS = 2
"""Of one exchange, at most."""


class Asked(NamedTuple):
    """A text that is asked about. `weight`: of the text; `terms`: of its terms."""

    weight: float
    terms: Mapping[int, float]


class Candidate(NamedTuple):
    """A recalled turn. `exchange`, `step`: which exchange of its scope it is part of, and which
    step of that; 0 for the user's turn."""

    scope: Scope
    exchange: int
    step: int
    turn: Recollection


@dataclass
class Step:
    """One step of an exchange: its turns in order, and how well they match."""

    scope: Scope
    exchange: int
    turns: list[Recollection] = field(default_factory=list)
    score: float = 0.0

    @cached_property
    def subject(self) -> frozenset[int]:
        """What it is about: the terms of its first turn."""
        return term_set(self.turns[0].text)

    def is_like(self, other: "Step") -> bool:
        """Whether two steps of different exchanges are about the same."""
        if (self.scope, self.exchange) == (other.scope, other.exchange):
            return False
        both = len(self.subject & other.subject)
        return both >= ALIKE * len(self.subject | other.subject) > 0


@lru_cache(maxsize=1 << 13)
def term_set(text: str) -> frozenset[int]:
    """The search terms of a text."""
    return frozenset(terms(text))


def rank_steps(candidates: Iterable[Candidate], asked: Sequence[Asked]) -> list[Step]:
    """The steps that match, best first; of equal ones the newest first."""
    steps = _steps(candidates)
    turns = {id(turn): len(term_set(turn.text)) for step in steps for turn in step.turns}
    mean = sum(turns.values()) / max(len(turns), 1)
    for step in steps:
        step.score = sum(each.weight * _share(step, each.terms, mean) for each in asked)
    found = [step for step in steps if step.score > 0]
    return sorted(found, key=lambda step: (-step.score, -step.turns[0].time, -step.exchange))


def distinct_steps(steps: Iterable[Step]) -> Iterable[Step]:
    """The steps without those that are like a better one, and without all but the best steps of
    one exchange."""
    taken: list[Step] = []
    for step in steps:
        same = sum((s.scope, s.exchange) == (step.scope, step.exchange) for s in taken)
        if same < STEPS and not any(step.is_like(other) for other in taken):
            taken.append(step)
            yield step


def _steps(candidates: Iterable[Candidate]) -> list[Step]:
    """Candidates as steps, each with its user's turn, if that was recalled."""
    grouped: dict[tuple[Scope, int], dict[int, list[Recollection]]] = {}
    for scope, exchange, step, turn in candidates:
        grouped.setdefault((scope, exchange), {}).setdefault(step, []).append(turn)
    found = []
    for (scope, exchange), by_step in grouped.items():
        asking = by_step.pop(0, [])
        for turns in by_step.values() or [[]]:
            found.append(Step(scope, exchange, [*asking, *turns]))
    return found


def _share(step: Step, weights: Mapping[int, float], mean: float) -> float:
    """The share of the weights whose terms the turns hold between them."""
    best: dict[int, float] = {}
    for turn in step.turns:
        held = term_set(turn.text)
        worth = 1 / (1 + LENGTH * len(held) / max(mean, 1))
        for term in held & weights.keys():
            best[term] = max(best.get(term, 0.0), worth)
    total = sum(weights.values())
    return sum(weights[term] * worth for term, worth in best.items()) / total if total else 0.0
