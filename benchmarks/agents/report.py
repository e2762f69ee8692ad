"""The results as tables of counts and shares."""

from collections.abc import Sequence

from benchmarks.agents.bill import PROVIDERS
from benchmarks.agents.contenders import OPTIMEM as OURS
from benchmarks.agents.contenders import OTHERS
from benchmarks.agents.cost import Outcomes, outcome, worst_moment
from benchmarks.agents.measure import OPTIMEM, PLAIN, Budget, Results
from benchmarks.agents.overhead import Overhead
from optimem.evaluation.figures import percent
from optimem.evaluation.tables import Rows


def cost_table(outcomes: Outcomes) -> Rows:
    """USD of a conversation, by contender and provider; then the worst moment of optimem."""
    rows = [["USD", *(provider.model for provider in PROVIDERS)]]
    for name in (*OTHERS, OURS):
        costs = [outcome(outcomes, name, each).traffic.cost(each) for each in PROVIDERS]
        rows.append([name, *(f"{cost:.3f}" for cost in costs)])
    worst = [f"{worst_moment(outcomes, provider):.2f} ×" for provider in PROVIDERS]
    return [*rows, ["optimem at its dearest call, in times of no middleware", *worst]]


def worth_table(outcomes: Outcomes) -> Rows:
    """What was there when it was asked for, and how steady the requests were."""
    rows = [["", "facts", "follow-ups", "whole prefix kept", "orphans"]]
    for (name, model), found in outcomes.items():
        shares = (sum(each) / len(each) for each in (found.facts, found.follow_ups))
        shown = [percent(share, 1) for share in (*shares, found.traffic.kept_prefixes())]
        rows.append([f"{name} ({model})" if model else name, *shown, f"{found.orphans}"])
    return rows


def fact_table(results: Results) -> Rows:
    """Share of the facts that were sent verbatim, by kind."""
    rows = [["sent", *_kinds(results), "all"]]
    for score in results.scores.values():
        if score.name != PLAIN:
            rows.append(_shares(score.name, score.found, results))
    for faded in results.faded:
        pages = ", ".join(f"{count} {tier}" for tier, count in faded.pages.items())
        rows.append(_shares(f"{OPTIMEM}, {faded.age} later ({pages})", faded.found, results))
    return rows


def check_table(results: Results, budget: Budget) -> Rows:
    """What must hold."""
    ours = results.scores[OPTIMEM]
    rows = [["check", "result"]]
    for score in results.scores.values():
        rows.append([f"longest request: {score.name}", f"{score.longest:,} tokens"])
    rows += [
        [f"budget, for all but {PLAIN!r}", f"{budget.total:,} tokens"],
        [f"orphan tool messages in any request: {OPTIMEM}", f"{ours.orphans}"],
        ["state equals that of the run without it", "yes" if results.same_state else "NO"],
        ["checkpoints equal those of the run without it", "yes" if results.same_saved else "NO"],
    ]
    return rows


def overhead_table(measured: Overhead) -> Rows:
    """The overhead in page reads."""
    return [
        ["remembered turns", "calls", "median", "99th percentile"],
        [f"{measured.remembered:,}", f"{measured.calls}", f"{measured.median:.2f}",
         f"{measured.p99:.2f}"],
    ]  # fmt: skip


def _kinds(results: Results) -> list[str]:
    return sorted({fact.kind for fact in results.conversation.facts})


def _shares(name: str, found: Sequence[bool], results: Results) -> list[str]:
    pairs = list(zip(results.conversation.facts, found, strict=True))
    by_kind = [[hit for fact, hit in pairs if fact.kind == kind] for kind in _kinds(results)]
    counts = [f"{sum(hits)}/{len(hits)}" for hits in by_kind]
    return [name, *counts, percent(sum(found) / len(found), 1)]
