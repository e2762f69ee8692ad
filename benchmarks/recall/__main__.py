"""How much of what answers a question comes back within 300, 700 and 2,000 tokens: evidence recall
by type of question, questions with any evidence, beside BM25 over turns, the newest turns and turns
at random; and how often optimem answers without a model, rightly, and refuses what has no answer.

On seeded conversations, and on files in the published formats of LoCoMo and LongMemEval. Pages are
read by a reader that misreads nothing, so no model is loaded, but with --days.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.recall.contenders import Setting
from benchmarks.recall.generate import HELD_OUT, make_talk
from benchmarks.recall.measure import measure
from benchmarks.recall.published import read_locomo, read_longmemeval
from benchmarks.recall.report import answer_table, budget_table, certainty_table, kind_table
from benchmarks.recall.talks import Talk
from benchmarks.recall.tool_talk import make_tool_talk
from optimem.build import embeddings_at
from optimem.errors import InputError
from optimem.evaluation.tables import markdown_table


def main() -> None:
    """Parse arguments, measure and print."""
    args = _arguments()
    setting = Setting(embeddings_at(args.embeddings), args.days)
    if args.locomo:
        _print("LoCoMo", read_locomo(args.locomo)[: args.limit], setting)
    if args.longmemeval:
        _print("LongMemEval", read_longmemeval(args.longmemeval)[: args.limit], setting)
    if not args.locomo and not args.longmemeval:
        talks = [make(seed) for seed in args.seeds for make in (make_talk, make_tool_talk)]
        _print(f"Generated, seeds {' '.join(map(str, args.seeds))}", talks, setting)


def _print(title: str, talks: list[Talk], setting: Setting) -> None:
    results = measure(talks, lambda name: print(f"\r{name}   ", end="", file=sys.stderr), setting)
    print(end="\n", file=sys.stderr)
    asked = sum(results.counts.values())
    print(f"{title}: {len(talks)} conversations, {results.turns:,} turns, {asked:,} questions\n")
    for table in (
        budget_table(results), kind_table(results, HELD_OUT),
        answer_table(results, HELD_OUT), certainty_table(results),
    ):  # fmt: skip
        print(markdown_table(table), end="\n\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recall",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[10, 11, 12, 13],
                        help="of generated conversations; 0 to 7 were chosen on")  # fmt: skip
    parser.add_argument("--locomo", type=Path, metavar="FILE", help="such as locomo10.json")
    parser.add_argument("--longmemeval", type=Path, metavar="FILE",
                        help="such as longmemeval_s.json")  # fmt: skip
    parser.add_argument("--embeddings", metavar="NAME",
                        help="what finds turns by meaning: minilm or module:name")  # fmt: skip
    parser.add_argument("--days", type=float, metavar="N",
                        help="pages are read by the model, as they are after N days")  # fmt: skip
    parser.add_argument("--limit", type=int, metavar="N", help="conversations of a file at most")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
