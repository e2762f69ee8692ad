"""Seeded conversations with tools through real LangChain agents: without a middleware, with
`OptimemMiddleware`, with `SummarizationMiddleware`, with `trim_messages`, and with a naive rewrite.

Prints for talk, tools and coding what each costs at four providers with their prompt caches, a
middleware's own calls included; how many requests begin with the whole request before them; and
whether planted facts and follow-ups are in what the model is sent. With --faded, also what is
still found once the shipped model's pages have faded, and what the middleware adds to a call.
"""

import argparse

from benchmarks.agents.conversation import KINDS, make_conversation, make_of_kind
from benchmarks.agents.cost import compare
from benchmarks.agents.measure import Budget, measure
from benchmarks.agents.overhead import measure_overhead
from benchmarks.agents.report import (
    check_table,
    cost_table,
    fact_table,
    overhead_table,
    worth_table,
)
from optimem.evaluation.tables import markdown_table


def main() -> None:
    """Parse arguments, measure and print."""
    args = _arguments()
    for kind in args.kinds:
        for seed in args.seeds:
            conversation = make_of_kind(seed, KINDS[kind])
            outcomes = compare(conversation)
            print(f"{kind}, {len(conversation.exchanges)} turns, seed {seed}:\n")
            print(markdown_table(cost_table(outcomes)))
            print()
            print(markdown_table(worth_table(outcomes)), end="\n\n", flush=True)
    if args.faded:
        for seed in args.seeds:
            _print_faded(seed)


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
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[*KINDS], help="conversations")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="seeds of each")
    parser.add_argument("--faded", action="store_true", help="also with the shipped model")
    return parser.parse_args()


if __name__ == "__main__":
    main()
