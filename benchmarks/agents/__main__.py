"""A seeded conversation with tools through real LangChain agents: without a memory, with
`OptimemMiddleware`, with `SummarizationMiddleware`, and with `trim_messages`.

Prints the tokens sent over time, which of the planted facts were sent verbatim when asked about,
the checks that must hold, and what the middleware adds to a model call, in units of one page read
by the shipped model.
"""

import argparse

from benchmarks.agents.conversation import make_conversation
from benchmarks.agents.measure import Budget, measure
from benchmarks.agents.overhead import measure_overhead
from benchmarks.agents.report import check_table, fact_table, overhead_table, token_table
from optimem.evaluation.tables import markdown_table


def main() -> None:
    """Parse arguments, measure and print."""
    args = _arguments()
    budget = Budget(turns=args.recalled)
    results = measure(make_conversation(args.seed, args.turns, args.facts), budget)
    print(f"Tokens sent at each turn's last model call, of {args.turns} turns:\n")
    print(markdown_table(token_table(results)))
    print(f"\n{args.facts} facts, verbatim in what the model is sent when asked:\n")
    print(markdown_table(fact_table(results)))
    print()
    print(markdown_table(check_table(results, budget)))
    if not args.no_overhead:
        print("\nAdded to a model call, in pages that the shipped model could read meanwhile:\n")
        print(markdown_table(overhead_table(measure_overhead(args.seed, budget))))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.agents",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--turns", type=int, default=300, help="turns of the conversation")
    parser.add_argument("--facts", type=int, default=40, help="facts to plant, at most 40")
    parser.add_argument("--seed", type=int, default=0, help="seed of the conversation")
    parser.add_argument(
        "--recalled", type=int, default=Budget().turns, help="turns recalled at most"
    )
    parser.add_argument("--no-overhead", action="store_true", help="skip timing the middleware")
    return parser.parse_args()


if __name__ == "__main__":
    main()
