"""Seeded conversations with tools, with the middlewares of LangChain agents called directly on
them: without one, with `OptimemMiddleware`, with `SummarizationMiddleware`, with `trim_messages`,
and with a naive rewrite.

Prints for talk, tools and coding what each costs at four providers with their prompt caches, a
middleware's own calls included; how many requests begin with the whole request before them; and
whether planted facts and follow-ups are in what the model is sent. With --budgets, what
`max_tokens` costs of that. With --faded, what is still found once the shipped model's pages have
faded, and what the middleware adds to a call, through real agents.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.agents.bill import PROVIDERS
from benchmarks.agents.contenders import OPTIMEM
from benchmarks.agents.conversation import KINDS, make_conversation
from benchmarks.agents.cost import Job, Outcome, bill_jobs, run_all
from benchmarks.agents.kept import resumed
from benchmarks.agents.measure import Budget, measure
from benchmarks.agents.overhead import measure_overhead
from benchmarks.agents.report import (
    bill_table,
    budget_table,
    by_conversation,
    check_table,
    fact_table,
    overhead_table,
    target_table,
)
from optimem.evaluation.tables import markdown_table

LIMITS = (2000, 4000, 8000, 16_000, None)
"""Of `max_tokens`, with --budgets."""
BAR = 30
"""Characters of the progress bar."""


def main() -> None:
    """Parse arguments, measure and print."""
    args = _arguments()
    if args.budgets:
        jobs = [
            Job(kind, seed, OPTIMEM, PROVIDERS[0].model, limit)
            for kind in args.kinds
            for seed in args.seeds
            for limit in LIMITS
        ]
        print(f"optimem within `max_tokens`, {PROVIDERS[0].model}:\n")
        print(markdown_table(budget_table(_run(jobs, args))))
    elif args.faded:
        for seed in args.seeds:
            _print_faded(seed)
    else:
        jobs = bill_jobs(args.kinds, args.seeds)
        bills = by_conversation(_run(jobs, args))
        print(f"USD, mean of the seeds {', '.join(map(str, args.seeds))}; shares: least–most\n")
        print(markdown_table(bill_table(bills)))
        print("\noptimem, least–most of the providers\n")
        print(markdown_table(target_table(bills)))


def _run(jobs: Sequence[Job], args: argparse.Namespace) -> dict[Job, Outcome]:
    """Run jobs, with a progress bar on standard error if that is a terminal."""
    found, shown = dict[Job, Outcome](), sys.stderr.isatty()
    for job, outcome in resumed(jobs, args.keep, lambda left: run_all(left, args.processes)):
        found[job] = outcome
        done = "█" * (BAR * len(found) // len(jobs))
        line = f"\r{done:░<{BAR}} {len(found)} of {len(jobs)}"
        print(line, end="", file=sys.stderr, flush=True) if shown else None
    print(file=sys.stderr) if shown else None
    return found


def _print_faded(seed: int) -> None:
    budget = Budget()
    results = measure(make_conversation(seed, 300, 40), budget)
    print(f"40 facts, verbatim in what the model is sent when asked, seed {seed}:\n")
    print(markdown_table(fact_table(results)))
    print()
    print(markdown_table(check_table(results, budget)))
    print("\nAdded to a model call, in pages that the shipped model could read meanwhile:\n")
    print(markdown_table(overhead_table(measure_overhead(seed, budget))))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.agents",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--kinds", nargs="+", choices=KINDS, default=[*KINDS], help="conversations")
    add("--seeds", nargs="+", type=int, default=[0, 1, 2, 3], help="seeds of each")
    add("--processes", type=int, default=os.cpu_count() or 1, help="at a time")
    add("--keep", type=Path, metavar="FILE", help="of outcomes, from which a stopped run goes on")
    also = parser.add_mutually_exclusive_group()
    also.add_argument("--budgets", action="store_true", help="what `max_tokens` costs, instead")
    also.add_argument("--faded", action="store_true", help="with the shipped model, instead")
    return parser.parse_args()


if __name__ == "__main__":
    main()
