"""The results as tables of counts and shares."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.agents.bill import PROVIDERS
from benchmarks.agents.contenders import NOTHING, SUMMARY
from benchmarks.agents.contenders import OPTIMEM as OURS
from benchmarks.agents.cost import Job, Outcome, Outcomes, cost_ratio, outcome, ways, worst_moment
from benchmarks.agents.measure import OPTIMEM, PLAIN, Budget, Results
from benchmarks.agents.overhead import Overhead
from optimem.evaluation.tables import Rows
from optimem.text.wording import percent

Bills = Mapping[tuple[str, int], Outcomes]
"""By kind of conversation and seed."""


def by_conversation(found: Mapping[Job, Outcome]) -> Bills:
    """The outcomes of all ways, sorted by what they were found in."""
    talks = sorted({(job.kind, job.seed): None for job in found})
    return {
        (kind, seed): {way: found[Job(kind, seed, *way)] for way in ways()} for kind, seed in talks
    }


def bill_table(bills: Bills) -> Rows:
    """What each contender costs in USD, by kind and provider, on average over the seeds, and the
    least and the most of what was there when it was asked for."""
    models = [provider.model for provider in PROVIDERS]
    rows = [["", "", *models, "facts", "follow-ups", "whole prefix kept"]]
    for kind in dict.fromkeys(kind for kind, _ in bills):
        talks = [outcomes for (each, _), outcomes in bills.items() if each == kind]
        for name in dict.fromkeys(name for name, _ in ways()):
            costs = [
                sum(outcome(talk, name, each).traffic.cost(each) for talk in talks) / len(talks)
                for each in PROVIDERS
            ]
            found = [one for talk in talks for (each, _), one in talk.items() if each == name]
            rows.append([kind, name, *(f"{cost:.3f}" for cost in costs), *_worth(found)])
    return rows


def target_table(bills: Bills) -> Rows:
    """What optimem is to keep to in every conversation, each with the least and the most of all
    providers. The dearest call is in times of what no middleware had cost by then."""
    rows = [["", "seed", "at its dearest call", "× no middleware", f"× {SUMMARY}", "facts",
             "follow-ups", "whole prefix kept", "orphans"]]  # fmt: skip
    for (kind, seed), outcomes in bills.items():
        found = [one for (name, _), one in outcomes.items() if name == OURS]
        rows.append(
            [
                kind,
                f"{seed}",
                f"{max(worst_moment(outcomes, each) for each in PROVIDERS):.3f} ×",
                *(
                    _span((cost_ratio(outcomes, name, each) for each in PROVIDERS), "{:.2f}")
                    for name in (NOTHING, SUMMARY)
                ),
                *_worth(found),
                f"{sum(one.orphans for one in found)}",
            ]
        )
    return rows


def budget_table(found: Mapping[Job, Outcome]) -> Rows:
    """What is there within a limit, and what it costs. In order of the jobs."""
    rows = [["", "seed", "max_tokens", "longest request", "USD", "facts", "follow-ups",
             "whole prefix kept"]]  # fmt: skip
    for job, one in found.items():
        (provider,) = (each for each in PROVIDERS if each.model == job.model)
        limit = f"{job.max_tokens:,}" if job.max_tokens else "none"
        longest = f"{max(size for size, _ in one.traffic.sizes):,}"
        cost = f"{one.traffic.cost(provider):.3f}"
        rows.append([job.kind, f"{job.seed}", limit, longest, cost, *_worth([one])])
    return rows


def _worth(found: Sequence[Outcome]) -> list[str]:
    """The least and the most of facts, follow-ups and kept prefixes."""
    shares = (
        (sum(one.facts) / len(one.facts) for one in found),
        (sum(one.follow_ups) / len(one.follow_ups) for one in found),
        (one.traffic.kept_prefixes() for one in found),
    )
    return [_span((100 * each for each in share), "{:.0f}") + " %" for share in shares]


def _span(numbers: Iterable[float], shown: str) -> str:
    """The least and the most of numbers, or the one that all of them are."""
    each = sorted(numbers)
    return "–".join(dict.fromkeys(shown.format(number) for number in (each[0], each[-1])))


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
