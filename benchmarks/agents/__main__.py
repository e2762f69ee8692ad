"""An agent with a long life, measured: `python -m benchmarks.agents`.

A scripted conversation with tools goes through real LangChain agents: without a memory, with
`OptimemMiddleware`, with `SummarizationMiddleware`, with `trim_messages`. Prints tokens sent over
time, which of the planted facts were there verbatim when asked for, what must hold, and what the
middleware adds to a model call, in units of one page read by the embedded model.
"""

import argparse

from benchmarks.agents.conversation import conversation
from benchmarks.agents.measure import Allowance, measure
from benchmarks.agents.overhead import overhead
from benchmarks.agents.report import checks, cost, facts, flatness
from optimem.evaluation.tables import markdown


def main() -> None:
    """Parse arguments, measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.agents", description=__doc__)
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--facts", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="another conversation")
    parser.add_argument("--recalled", type=int, default=Allowance().turns, help="turns at most")
    parser.add_argument("--no-overhead", action="store_true", help="take no time")
    args = parser.parse_args()
    allowance = Allowance(turns=args.recalled)
    results = measure(conversation(args.seed, args.turns, args.facts), allowance)
    print(f"Tokens sent with each turn's last model call, of {args.turns} turns:\n")
    print(markdown(flatness(results)))
    print(f"\n{args.facts} facts, verbatim in what the model is sent when asked:\n")
    print(markdown(facts(results)))
    print()
    print(markdown(checks(results, allowance)))
    if not args.no_overhead:
        print("\nAdded to a model call, in pages that the embedded model reads meanwhile:\n")
        print(markdown(cost(overhead(args.seed, allowance))))


if __name__ == "__main__":
    main()
