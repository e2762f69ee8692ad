"""The results as tables of counts and shares."""

from collections.abc import Sequence

from benchmarks.agents.measure import OPTIMEM, PLAIN, Budget, Results
from benchmarks.agents.overhead import Overhead
from optimem.evaluation.tables import Rows, percent

EVERY = 25


def token_table(results: Results) -> Rows:
    """Tokens sent at every 25th turn."""
    names = list(results.scores)
    rows = [["turn", *names]]
    for turn in range(EVERY, len(results.conversation.exchanges) + 1, EVERY):
        rows.append([f"{turn}", *(f"{results.scores[name].tokens[turn - 1]:,}" for name in names)])
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
