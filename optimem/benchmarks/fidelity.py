"""What each tier costs in fidelity: `python -m optimem.benchmarks.fidelity FILE...`.

For every file (plain or .xz UTF-8, such as the validation text, which training never sees)
and for random strings: characters right (1 − edit distance / length), text tokens per vision
token and per position, stored bytes against the text's, and how well the probabilities are
calibrated.
"""

import argparse
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zstandard

from optimem.build import page_reader
from optimem.compression import PageReader, paginate
from optimem.counting import text_tokens
from optimem.evaluation.measures import calibration_error, reliability
from optimem.scoring import accuracy
from optimem.tiers import Tier
from optimem.training.pages import read_text

SEED = 5


class Score(NamedTuple):
    """One kind of text at one tier. `ratio`: text tokens per vision token; `ratio_positions`:
    per position of a causal decoder. `calibration`: expected calibration error over 15 bins.
    `bytes_per_byte`: of the tokens against the text's UTF-8."""

    kind: str
    tier: str
    pages: int
    right: float
    ratio: float
    ratio_positions: float
    bytes_per_byte: float
    zstd_per_byte: float
    calibration: float
    flagged: float
    """Share of the wrong characters that have a probability under one half."""


def sampled_pages(text: str, pages: int, capacity: int) -> list[str]:
    """Full pages of text from equally spaced places."""
    count = max(min(len(text) // capacity, pages), 1)
    step = max(len(text) - capacity, 0) // max(count - 1, 1)
    return [text[i * step : i * step + capacity] for i in range(count)]


def random_pages(rng: np.random.Generator, capacity: int) -> list[str]:
    """Pages of printable ASCII, of hex ids and of UUIDs: nothing to guess."""
    printable = [chr(code) for code in range(33, 127)]
    hex_digits = list("0123456789abcdef")

    def uuid() -> str:
        digits = "".join(rng.choice(hex_digits, 32))
        cuts = (0, 8, 12, 16, 20, 32)
        return "-".join(digits[a:b] for a, b in pairwise(cuts))

    ids = ["".join(rng.choice(hex_digits, 12)) for _ in range(capacity // 13 + 1)]
    return [
        "".join(rng.choice(printable, capacity)),
        " ".join(ids)[:capacity],
        " ".join(uuid() for _ in range(capacity // 37 + 1))[:capacity],
    ]


def score(kind: str, texts: Sequence[str], tier: Tier, reader: PageReader) -> Score:
    """Encode and read pages of one kind at one tier."""
    renderer = reader.renderer
    pages = [page for text in texts for page in paginate(renderer.cells(text), renderer)]
    tokens = reader.encoder.encode([renderer.page(cells) for cells in pages], tier)
    read = reader.decoder.read(tokens)
    guess = "".join(renderer.text(cells).text for cells in read)
    truth = "".join(texts)
    right = np.concatenate([r.ids == cells for r, cells in zip(read, pages, strict=True)])
    probability = np.concatenate([r.probability for r in read])
    size, count = len(truth.encode()), text_tokens(truth)
    wrong = ~right
    return Score(
        kind=kind,
        tier=tier.label,
        pages=len(pages),
        right=accuracy(truth, guess),
        ratio=count / (len(pages) * tier.tokens),
        ratio_positions=count / (len(pages) * tier.positions),
        bytes_per_byte=sum(len(token.data) for token in tokens) / size,
        zstd_per_byte=len(zstandard.compress(truth.encode(), 19)) / size,
        calibration=calibration_error(np.array(reliability(probability, right))),
        flagged=float((probability[wrong] < 0.5).mean()) if wrong.any() else 1.0,
    )


def show(scores: Sequence[Score]) -> None:
    """A Markdown table."""
    print(
        "| text | tier | pages | ratio | by positions | characters right | wrong ones flagged "
        "| bytes / text byte | zstd | calibration error |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for s in scores:
        print(
            f"| {s.kind} | {s.tier} | {s.pages} | {s.ratio:.1f}× | {s.ratio_positions:.1f}× "
            f"| {s.right:.3%} | {s.flagged:.0%} | {s.bytes_per_byte:.2f} "
            f"| {s.zstd_per_byte:.2f} | {s.calibration:.4f} |"
        )


def measure(paths: Sequence[Path], pages: int, tiers: Sequence[Tier]) -> list[Score]:
    """Scores of all files and of random strings, tier by tier."""
    reader = page_reader()
    capacity = reader.renderer.capacity
    kinds = {p.name.split(".")[0]: sampled_pages(read_text(p), pages, capacity) for p in paths}
    kinds["random"] = random_pages(np.random.default_rng(SEED), capacity)
    return [score(kind, texts, tier, reader) for tier in tiers for kind, texts in kinds.items()]


def main() -> None:
    """Parse arguments and print."""
    parser = argparse.ArgumentParser(prog="optimem.benchmarks.fidelity", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--pages", type=int, default=10, help="pages of each file")
    parser.add_argument("--tiers", nargs="+", default=[t.label for t in reversed(Tier)])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    scores = measure(args.files, args.pages, [Tier.parse(name) for name in args.tiers])
    if args.json:
        print(json.dumps([each._asdict() for each in scores], indent=2))
    else:
        show(scores)


if __name__ == "__main__":
    main()
