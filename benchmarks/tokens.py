"""How many tokens models count for parts of a text, per token of DeepSeek's tokenizer: the bounds
that prompts are estimated with, measured for the vocabularies that are at hand.
"""

import argparse
from pathlib import Path

from optimem.prompts.counting import ESTIMATES, counting_for
from optimem.text.files import read_text_file
from optimem.text.tokens import text_tokens

VOCABULARIES = ("o200k_base",)
"""Those that a wheel holds."""
PART = 2000
"""Characters that are measured at a time."""


def share(text: str, vocabulary: str) -> float:
    """Tokens of a vocabulary per token of DeepSeek's."""
    return counting_for(vocabulary).count(text) / text_tokens(text)


def main() -> None:
    """Parse arguments and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tokens", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="UTF-8 text, plain or .xz")
    parser.add_argument(
        "--characters", type=int, default=100_000, help="of each text (default: 100000)"
    )
    args = parser.parse_args()
    for vocabulary in VOCABULARIES:
        bounds = ESTIMATES[vocabulary]
        print(f"{vocabulary}: estimated as {bounds.least:g} to {bounds.most:g}")
        for path in args.files:
            text = read_text_file(path)[: args.characters]
            parts = [text[at : at + PART] for at in range(0, len(text), PART)]
            shares = [share(part, vocabulary) for part in parts]
            print(f"  {min(shares):.2f} to {max(shares):.2f}  {path.name.split('.')[0]}")


if __name__ == "__main__":
    main()
