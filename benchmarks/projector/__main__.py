"""What a projector is worth to its chat model.

    python -m benchmarks.projector --llm SmolLM2 --projector runs/projector/projector.safetensors \\
        --text books_en.val.txt.xz chat_en.val.txt.xz

Stretches of pages of texts that training never saw are shown to the chat model as soft tokens; as
those of another page; as nothing; as their whole text; and as the text that as many tokens, or as
many bytes as the stored tokens take, would buy: the newest, a random stretch, and what BM25 finds
for the question. A row for each: tokens shown; bits a character of what follows (by likelihood);
share of the text's tokens guessed, each after the true ones, when it is to be repeated; share of
characters (1 less the edit distance) and of words (longest common subsequence) that a greedy answer
repeats; share of questions whose greedy answer holds the right one; share where the right one of
four is the likeliest. The last line says whether the projector ships: only if it beats the best
text at equal tokens by each.
"""

import argparse
import sys
from pathlib import Path
from statistics import mean

import numpy as np
import torch

from benchmarks.projector.measure import Bench, Score, verdict
from optimem.build import nano
from optimem.cli.output import progress_bar
from optimem.errors import OptimemError
from optimem.evaluation.tables import markdown_table
from optimem.model.projector.chat_model import ChatModel
from optimem.model.projector.weights import ProjectorFile
from optimem.text.wording import percent
from optimem.training.projector.stretches import (
    LearnedPage,
    Stretch,
    learn_pages,
    read_sources,
    store_pages,
)

HEADER = [
    "shown", "tokens", "bits a character, continued", "tokens guessed", "characters read back",
    "words read back", "answered", "chosen",
]  # fmt: skip
FOLLOWING = 160


def measure(args: argparse.Namespace) -> list[Score]:
    """Scores of all ways."""
    llm = ChatModel.open(args.llm, torch.device(args.device))
    file = ProjectorFile.load(args.projector)
    file.trained_for.check_llm(llm.fingerprint)
    rng = np.random.default_rng(args.seed)
    stored = store_pages(read_sources(args.text), args.pages, nano(), file.trained_for.tier, rng)
    file.trained_for.check_pages(stored.fingerprint, stored.tier)
    bench = Bench(llm, file.projector.to(args.device), args.seed)
    pages = learn_pages(stored, nano())
    with progress_bar("measuring") as bar:
        for done in range(args.stretches):
            stretch, another = (
                _stretch(pages[place % len(pages)], args.cells, rng) for place in (done, done + 1)
            )
            bench.measure(stretch, another, args.questions)
            bar(done + 1, args.stretches)
    return list(bench.scores.values())


def table(scores: list[Score]) -> list[list[str]]:
    """A row for each way."""
    rows = []
    for score in scores:
        bits, *shares = score.figures()
        tokens = f"{mean(score.tokens):.0f}"
        rows.append([score.name, tokens, f"{-bits:.3f}", *map(percent, shares)])
    return [HEADER, *rows]


def main() -> None:
    """Parse the arguments, measure and print."""
    parser = _arguments()
    args = parser.parse_args()
    if args.pages < 2:
        parser.error(f"--pages {args.pages}: at least 2")
    try:
        scores = measure(args)
    except OptimemError as error:
        sys.exit(f"error: {error}")
    print(markdown_table(table(scores)))
    print(
        f"\n{args.stretches} stretches of {args.cells} cells, {len(scores[0].answered)} questions"
    )
    print(verdict(scores)[1])


def _stretch(page: LearnedPage, cells: int, rng: np.random.Generator) -> Stretch:
    start = int(rng.integers(max(len(page.features) - cells - FOLLOWING, 1)))
    return page.stretch(start, cells, FOLLOWING)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.projector",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--llm", required=True, type=Path, metavar="FOLDER", help="chat model")
    add("--projector", required=True, type=Path, metavar="FILE", help="of a run")
    add("--text", nargs="+", required=True, metavar="FILE", help="held-out files")
    add("--pages", type=int, default=10, help="stored of them, at least 2 (%(default)s)")
    add("--stretches", type=int, default=40, help="measured (%(default)s)")
    add("--cells", type=int, default=320, help="of a stretch (%(default)s)")
    add("--questions", type=int, default=3, help="about a stretch, at most (%(default)s)")
    add("--seed", type=int, default=0, help="of pages and questions (%(default)s)")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    add("--device", default=device, help="torch device (%(default)s)")
    return parser


if __name__ == "__main__":
    main()
