"""What each tier costs in fidelity: `python -m benchmarks.fidelity FILE...`.

For every file (plain or .xz UTF-8, such as the validation text, which training never sees), for
the first of them with typographic quotes and dashes, as language models write, and for random
characters, hex and UUIDs together: full pages at each tier, in one table. The scoring is
`optimem.evaluation`'s; `optimem eval` measures more.
"""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from optimem.build import nano_codec
from optimem.evaluation.corpora import controlled_corpora
from optimem.evaluation.round_trip import score_pages
from optimem.evaluation.sampling import fit_to_page, full_pages
from optimem.evaluation.summary import summarise
from optimem.evaluation.tables import markdown_table, percent
from optimem.evaluation.tokenizers import DEEPSEEK, open_tokenizer
from optimem.omem.container import compress
from optimem.protocols import PageCodec
from optimem.text.files import read_text_file
from optimem.tiers import Tier

SEED = 5
RANDOM = ("random characters", "hex", "UUIDs")
TYPOGRAPHY = (
    (r"(?:(?<=[\s(\[])|^)\"", "“"), (r"\"", "”"), (r"(?:(?<=[\s(\[“])|^)'", "‘"), ("'", "’"),
    (r" ?--+ ?| - ", " — "), (r"\.\.\.", "…"), (r"(?m)^[-*] ", "• "),
)  # fmt: skip
"""ASCII punctuation, and what typesetting puts in its place; in this order."""


class Score(NamedTuple):
    """One kind of text at one tier. `ratio`: text tokens per vision token; `ratio_positions`:
    per position of a causal decoder. `calibration`: expected calibration error over 15 bins.
    `bytes_per_byte`: of the tokens against the text's UTF-8. `flagged`: share of the errors
    that are marked as uncertain."""

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


def random_pages(reader: PageCodec) -> list[str]:
    """A page of random characters, one of hex ids and one of UUIDs: nothing to guess."""
    corpora = controlled_corpora(SEED, reader.renderer.capacity)
    return [fit_to_page(each.text, reader.renderer) for each in corpora if each.kind in RANDOM]


def typeset(text: str) -> str:
    """A text with typographic quotes, apostrophes, dashes and bullets instead of ASCII's."""
    for plain, set_ in TYPOGRAPHY:
        text = re.sub(plain, set_, text)
    return text


def score(kind: str, texts: Sequence[str], tier: Tier, reader: PageCodec) -> Score:
    """Encode and read pages of one kind at one tier."""
    results = score_pages(texts, tier, reader, open_tokenizer(DEEPSEEK))
    figures = summarise(results, tier.tokens, tier.positions, SEED)
    silent = sum(result.score.silent for result in results)
    errors = sum(result.score.edits for result in results)
    packed = len(compress("".join(texts).encode()))
    return Score(
        kind=kind,
        tier=tier.label,
        pages=figures.pages,
        right=figures.right.value,
        ratio=figures.ratio,
        ratio_positions=figures.ratio_positions,
        bytes_per_byte=figures.data_bytes / figures.text_bytes,
        zstd_per_byte=packed / figures.text_bytes,
        calibration=figures.calibration,
        flagged=max(1 - silent / errors, 0.0) if errors else 1.0,
    )


def rows(scores: Sequence[Score]) -> list[list[str]]:
    """The scores as a table."""
    header = ["text", "tier", "pages", "ratio", "by positions", "characters right",
              "wrong ones flagged", "bytes / text byte", "zstd", "calibration error"]  # fmt: skip
    return [header] + [
        [s.kind, s.tier, f"{s.pages}", f"{s.ratio:.1f}×", f"{s.ratio_positions:.1f}×",
         percent(s.right, 3), percent(s.flagged, 0), f"{s.bytes_per_byte:.2f}",
         f"{s.zstd_per_byte:.2f}", f"{s.calibration:.4f}"]
        for s in scores
    ]  # fmt: skip


def measure(paths: Sequence[Path], pages: int, tiers: Sequence[Tier]) -> list[Score]:
    """Scores of all files, of the first one typeset and of random strings, tier by tier."""
    reader = nano_codec()
    texts = {path.name.split(".")[0]: read_text_file(path) for path in paths}
    texts["typeset"] = typeset(next(iter(texts.values())))
    kinds = {name: full_pages(text, pages, reader.renderer, name) for name, text in texts.items()}
    kinds["random"] = random_pages(reader)
    return [score(kind, texts, tier, reader) for tier in tiers for kind, texts in kinds.items()]


def main() -> None:
    """Parse arguments and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.fidelity", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--pages", type=int, default=10, help="pages of each file")
    parser.add_argument("--tiers", nargs="+", default=[t.label for t in reversed(Tier)])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    scores = measure(args.files, args.pages, [Tier.parse(name) for name in args.tiers])
    if args.json:
        print(json.dumps([each._asdict() for each in scores], indent=2))
    else:
        print(markdown_table(rows(scores)))


if __name__ == "__main__":
    main()
