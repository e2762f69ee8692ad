"""The results as tables. Counts and shares; no seconds."""

from collections.abc import Sequence

from benchmarks.agents.measure import OURS, PLAIN, Allowance, Results
from benchmarks.agents.overhead import Overhead
from optimem.evaluation.tables import Rows, percent

EVERY = 25


def flatness(results: Results) -> Rows:
    """Tokens sent at every 25th turn."""
    names = list(results.scores)
    rows = [["turn", *names]]
    for turn in range(EVERY, len(results.talk.exchanges) + 1, EVERY):
        rows.append([f"{turn}", *(f"{results.scores[name].tokens[turn - 1]:,}" for name in names)])
    return rows


def kinds(results: Results) -> list[str]:
    """The kinds of facts in order of their names."""
    return sorted({fact.kind for fact in results.talk.planted})


def facts(results: Results) -> Rows:
    """Share of the facts that were there verbatim, by kind."""
    rows = [["sent", *kinds(results), "all"]]
    for score in results.scores.values():
        if score.name != PLAIN:
            rows.append(_shares(score.name, score.found, results))
    for faded in results.faded:
        pages = ", ".join(f"{count} {tier}" for tier, count in faded.pages.items())
        rows.append(_shares(f"{OURS}, {faded.after} later ({pages})", faded.found, results))
    return rows


def _shares(name: str, found: Sequence[bool], results: Results) -> list[str]:
    pairs = list(zip(results.talk.planted, found, strict=True))
    by_kind = [[ok for fact, ok in pairs if fact.kind == kind] for kind in kinds(results)]
    counts = [f"{sum(each)}/{len(each)}" for each in by_kind]
    return [name, *counts, percent(sum(found) / len(found), 1)]


def checks(results: Results, allowance: Allowance) -> Rows:
    """What must hold."""
    ours = results.scores[OURS]
    rows = [["check", "result"]]
    for score in results.scores.values():
        rows.append([f"longest request: {score.name}", f"{score.longest:,} tokens"])
    rows += [
        ["allowed, but for everything", f"{allowance.total:,} tokens"],
        [f"orphan tool messages in any request: {OURS}", f"{ours.orphans}"],
        ["state equals that of the run without it", "yes" if results.same_state else "NO"],
        ["checkpoints equal those of the run without it", "yes" if results.same_saved else "NO"],
    ]
    return rows


def cost(measured: Overhead) -> Rows:
    """The overhead, in pages read."""
    return [
        ["remembered turns", "calls", "median", "99th percentile"],
        [f"{measured.remembered:,}", f"{measured.calls}", f"{measured.median:.2f}",
         f"{measured.high:.2f}"],
    ]  # fmt: skip
