"""What is counted: evidence that comes back within a budget, and questions answered or refused,
rightly or wrongly.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.recall.contenders import CONTENDERS, FRESH, SCOPE, Optimem, Setting
from benchmarks.recall.talks import Asked, Talk
from optimem.text.terms import terms

BUDGETS = (300, 700, 2000)
"""Tokens."""


@dataclass
class Finding:
    """What a contender found. `shares`: by budget and kind, of each question, the share of its
    evidence that came back."""

    shares: dict[tuple[int, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def recall(self, budget: int, kinds: Sequence[str]) -> float:
        """The mean share of evidence over all questions of some kinds."""
        shares = self._of(budget, kinds)
        return sum(shares) / max(len(shares), 1)

    def any_hit(self, budget: int, kinds: Sequence[str]) -> float:
        """The share of questions of which any evidence came back."""
        shares = self._of(budget, kinds)
        return sum(share > 0 for share in shares) / max(len(shares), 1)

    def _of(self, budget: int, kinds: Sequence[str]) -> list[float]:
        return [share for kind in kinds for share in self.shares[budget, kind]]


@dataclass
class Answering:
    """How often optimem answered questions without a model. `quoted`: an evidence turn. `told`:
    answers that say the answer, of the `known` questions whose answer is known. `likely`: the
    probabilities that were given, each with whether the answer was right."""

    asked: int = 0
    answered: int = 0
    quoted: int = 0
    known: int = 0
    told: int = 0
    likely: list[tuple[float, bool]] = field(default_factory=list)

    def __add__(self, other: "Answering") -> "Answering":
        return Answering(
            self.asked + other.asked, self.answered + other.answered,
            self.quoted + other.quoted, self.known + other.known, self.told + other.told,
            self.likely + other.likely,
        )  # fmt: skip


@dataclass
class Results:
    """What was counted over some conversations. `answering`: by kind of question."""

    findings: dict[str, Finding] = field(default_factory=lambda: defaultdict(Finding))
    answering: dict[str, Answering] = field(default_factory=lambda: defaultdict(Answering))
    turns: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many questions of each kind have an answer."""
        ours = self.findings[Optimem.name].shares
        return {
            kind: len(ours[budget, kind]) for budget, kind in list(ours) if budget == BUDGETS[0]
        }


def measure(
    talks: Sequence[Talk],
    progress: Callable[[str], None] = lambda name: None,
    setting: Setting = FRESH,
) -> Results:
    """Put every question to every contender. `setting`: of optimem."""
    results = Results()
    for talk in talks:
        progress(talk.name)
        results.turns += len(talk.turns)
        for make in CONTENDERS:
            contender = Optimem(talk, setting) if make is Optimem else make(talk)
            for asked in talk.questions:
                if asked.answerable:
                    _count_found(results.findings[contender.name], contender.found, asked)
                if isinstance(contender, Optimem):
                    _count_answer(results.answering[asked.kind], contender, asked)
    return results


def _count_found(finding: Finding, found: Callable[[Asked, int], list[str]], asked: Asked) -> None:
    for budget in BUDGETS:
        held = set(asked.evidence) & set(found(asked, budget))
        finding.shares[budget, asked.kind].append(len(held) / len(asked.evidence))


def _count_answer(counts: Answering, ours: Optimem, asked: Asked) -> None:
    answer = ours.memory.answer(SCOPE, asked.text, now=asked.time, refresh=False)
    quoted = any(passage.id in asked.evidence for passage in answer.passages)
    told = quoted and set(terms(asked.answer)) <= set(terms(answer.text))
    counts.asked += 1
    counts.answered += answer.known
    counts.quoted += quoted
    counts.known += bool(asked.answer)
    counts.told += told and bool(asked.answer)
    if answer.known:
        counts.likely.append((answer.probability, told if asked.answer else quoted))
