"""What the proxy saves in seeded conversations of 300 turns, at four providers by their published
prices, and what it adds to the first byte of an answer.

Prints USD of the input for each kind of conversation and provider: with no proxy, with one that
sends the newest messages only, with a naive rewrite of every request, and with optimem; the dearest
moment (what optimem had cost at any call, in times of no proxy); how many requests begin with the
whole request before; and how many of the planted facts and follow-ups are sent when they are asked
for. With --latency, the time to the first byte, beside the same proxy in mode "off" and a direct
call, interleaved.
"""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from statistics import fmean

from benchmarks.agents.bill import PROVIDERS, Provider
from benchmarks.proxy.bill import Job, Outcome, dearest_moment, jobs, run
from benchmarks.proxy.latency import measure_latency
from benchmarks.proxy.ways import NOTHING, OURS, WAYS
from optimem import OpticalMemory
from optimem.evaluation.tables import markdown_table


def main() -> None:
    """Parse arguments, measure and print."""
    args = _arguments()
    if args.latency:
        with OpticalMemory.open(":memory:") as memory:
            print(markdown_table(measure_latency(memory, args.remembered, args.calls)))
        return
    todo = [*jobs(args.kinds, args.seeds)]
    found = dict(zip(todo, _run_all(todo, args.turns, args.processes), strict=True))
    print(f"USD, mean of the seeds {', '.join(map(str, args.seeds))}; shares: least–most\n")
    print(markdown_table(bill_table(found, args.kinds, args.seeds)))


def bill_table(
    found: dict[Job, Outcome], kinds: Sequence[str], seeds: Sequence[int]
) -> list[list[str]]:
    """A row for each way in each kind of conversation, below their heads."""
    models = [provider.model for provider in PROVIDERS]
    rows = [["", "", *models, "dearest moment", "facts", "follow-ups", "whole prefix kept"]]
    for kind in kinds:
        for way in WAYS:
            row = [kind, way]
            for provider in PROVIDERS:
                costs = (found[Job(kind, s, way, provider)].traffic.cost(provider) for s in seeds)
                row.append(f"{fmean(costs):.3f}")
            rows.append([*row, *_worth(found, kind, way, seeds)])
    return rows


def _worth(found: dict[Job, Outcome], kind: str, way: str, seeds: Sequence[int]) -> list[str]:
    """What a way sends, and its dearest moment, at all providers."""
    pairs = [(seed, provider) for seed in seeds for provider in PROVIDERS]
    outcomes = [found[Job(kind, seed, way, provider)] for seed, provider in pairs]
    dearest = [_dearest(found, kind, seed, provider) for seed, provider in pairs]
    return [
        f"{max(dearest):.3f} ×" if way == OURS else "",
        _range([fmean(each.facts) for each in outcomes]),
        _range([fmean(each.follow_ups or [1]) for each in outcomes]),
        _range([each.traffic.kept_prefixes() for each in outcomes]),
    ]


def _dearest(found: dict[Job, Outcome], kind: str, seed: int, provider: Provider) -> float:
    ours, none = (found[Job(kind, seed, way, provider)] for way in (OURS, NOTHING))
    return dearest_moment(ours, none, provider)


def _range(shares: Sequence[float]) -> str:
    least, most = min(shares), max(shares)
    return f"{least:.0%}" if f"{least:.0%}" == f"{most:.0%}" else f"{least:.0%}–{most:.0%}"


def _run_all(todo: Sequence[Job], turns: int | None, processes: int) -> list[Outcome]:
    work = partial(run, turns=turns)
    if processes == 1:
        return [*map(work, todo)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return [*pool.map(work, todo)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.proxy",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--kinds", nargs="+", choices=["talk", "tools", "coding"], default=["talk", "tools"],
        help="conversations")  # fmt: skip
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], help="seeds of each")
    add("--turns", type=int, help="of shorter conversations, for a quick look")
    add("--processes", type=int, default=os.cpu_count() or 1, help="at a time")
    add("--latency", action="store_true", help="the time to the first byte, instead")
    add("--remembered", type=int, default=1000, help="turns, with --latency")
    add("--calls", type=int, default=200, help="of each way, with --latency")
    return parser.parse_args()


if __name__ == "__main__":
    main()
