"""What each tier costs in fidelity.

    python -m benchmarks.fidelity FILE...

prints one table, with a row for each tier and kind of text: pages, text tokens per vision token
and per position of a causal decoder, characters right as read (from the tokens alone) and with the
corrections that a memory stores, wrong characters that are marked as uncertain as read, bytes of
the tokens, of the corrections and of zstd per byte of text, calibration error.

A kind is a file (UTF-8, plain or .xz, such as the validation texts, which training never sees);
`typeset`, the first file with typographic quotes and dashes, as language models write them; and
`random`, a page each of random characters, hex and UUIDs. Pages are full. The scoring is
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
from optimem.evaluation.tables import markdown_table
from optimem.evaluation.tokenizers import DEEPSEEK, open_tokenizer
from optimem.omem.container import compress
from optimem.protocols import PageCodec, Renderer
from optimem.text.files import read_text_file
from optimem.text.wording import percent
from optimem.tiers import Tier

SEED = 5
RANDOM = ("random characters", "hex", "UUIDs")
TYPOGRAPHY = (
    (r"(?:(?<=[\s(\[])|^)\"", "“"), (r"\"", "”"), (r"(?:(?<=[\s(\[“])|^)'", "‘"), ("'", "’"),
    (r" ?--+ ?| - ", " — "), (r"\.\.\.", "…"), (r"(?m)^[-*] ", "• "),
)  # fmt: skip
"""ASCII punctuation, and what typesetting puts in its place; applied in this order."""
HEADER = [
    "text", "tier", "pages", "ratio", "by positions", "right as read", "with corrections",
    "wrong ones flagged", "token bytes / text byte", "correction bytes / text byte", "zstd",
    "calibration error",
]  # fmt: skip


class FidelityScore(NamedTuple):
    """One kind of text at one tier. `ratio`: text tokens per vision token; `ratio_positions`:
    per position of a causal decoder. `right`: as read; `right_corrected`: with corrections.
    `bytes_per_byte`: of the tokens against the text's UTF-8; `corrections_per_byte`: of those.
    `calibration`: expected calibration error over 15 bins. `flagged`: share of the errors that
    are marked as uncertain."""

    kind: str
    tier: str
    pages: int
    right: float
    right_corrected: float
    ratio: float
    ratio_positions: float
    bytes_per_byte: float
    corrections_per_byte: float
    zstd_per_byte: float
    calibration: float
    flagged: float


def measure(paths: Sequence[Path], pages: int, tiers: Sequence[Tier]) -> list[FidelityScore]:
    """Scores of every file, of the first one typeset, and of random pages, tier by tier."""
    codec = nano_codec()
    texts = {path.name.split(".")[0]: read_text_file(path) for path in paths}
    texts["typeset"] = typeset(next(iter(texts.values())))
    kinds = {name: full_pages(text, pages, codec.renderer, name) for name, text in texts.items()}
    kinds["random"] = random_pages(codec.renderer)
    return [score(kind, texts, tier, codec) for tier in tiers for kind, texts in kinds.items()]


def typeset(text: str) -> str:
    """A text with typographic quotes, apostrophes, dashes and bullets instead of ASCII's."""
    for pattern, replacement in TYPOGRAPHY:
        text = re.sub(pattern, replacement, text)
    return text


def random_pages(renderer: Renderer) -> list[str]:
    """A page of random characters, one of hex and one of UUIDs: nothing can be guessed."""
    corpora = controlled_corpora(SEED, renderer.capacity)
    return [fit_to_page(each.text, renderer) for each in corpora if each.name in RANDOM]


def score(kind: str, texts: Sequence[str], tier: Tier, codec: PageCodec) -> FidelityScore:
    """Encode, read and score pages of one kind at one tier."""
    results = score_pages(texts, tier, codec, open_tokenizer(DEEPSEEK))
    figures = summarise(results, tier.tokens, tier.positions, SEED)
    silent = sum(result.score.silent for result in results)
    errors = sum(result.score.edits for result in results)
    return FidelityScore(
        kind=kind,
        tier=tier.label,
        pages=figures.pages,
        right=figures.right.value,
        right_corrected=figures.right_corrected,
        ratio=figures.ratio,
        ratio_positions=figures.ratio_positions,
        bytes_per_byte=figures.data_bytes / figures.text_bytes,
        corrections_per_byte=figures.correction_bytes / figures.text_bytes,
        zstd_per_byte=len(compress("".join(texts).encode())) / figures.text_bytes,
        calibration=figures.calibration,
        flagged=max(1 - silent / errors, 0.0) if errors else 1.0,
    )


def table(scores: Sequence[FidelityScore]) -> list[list[str]]:
    """The scores as rows of text, the header first."""
    return [HEADER] + [
        [s.kind, s.tier, f"{s.pages}", f"{s.ratio:.1f}×", f"{s.ratio_positions:.1f}×",
         percent(s.right, 3), percent(s.right_corrected, 3), percent(s.flagged, 0),
         f"{s.bytes_per_byte:.2f}", f"{s.corrections_per_byte:.3f}", f"{s.zstd_per_byte:.2f}",
         f"{s.calibration:.4f}"]
        for s in scores
    ]  # fmt: skip


def main() -> None:
    """Parse the arguments, measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fidelity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--pages", type=int, default=10, help="of each file (%(default)s)")
    parser.add_argument("--tiers", nargs="+", default=[t.label for t in reversed(Tier)])
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    args = parser.parse_args()
    scores = measure(args.files, args.pages, [Tier.parse(name) for name in args.tiers])
    if args.json:
        print(json.dumps([each._asdict() for each in scores], indent=2))
    else:
        print(markdown_table(table(scores)))


if __name__ == "__main__":
    main()
