"""What prompts cost as pages: `python -m benchmarks.prompts FILES [--characters N]`.

The first characters of each text go through `compress_prompt` for one model of each price rule,
once with text of 10 px or more and once as small as it gets. Tokens of text are DeepSeek's,
tokens of images by the provider's rule; whether a model reads such a page is not measured here.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from optimem.api.prompts import compress_prompt
from optimem.errors import PromptError
from optimem.prompts import PromptPlan, rule_for
from optimem.training.pages import read_text

MODELS = (
    "gpt-4o", "gpt-4.1-mini", "gpt-5.1", "gpt-5.5", "claude-opus-4-8", "claude-haiku-4-5",
    "gemini-2.5-pro", "gemini-3-flash-preview", "qwen3-vl",
)  # fmt: skip


def told(text: str, model: str, budget: int | None) -> str:
    """The ratio that a prompt reaches, and how large its text is then; a budget of one token
    asks for the smallest."""
    try:
        plan: PromptPlan = compress_prompt(text, model=model, budget=budget).plan
    except PromptError as error:
        plan = error.plan
    refused = " (refused)" if plan.ratio <= 1 else ""
    return f"{plan.ratio:.2f}× at {min(plan.sizes)} px{refused}"


def rows(texts: dict[str, str], models: Sequence[str]) -> list[str]:
    """A Markdown table."""
    head = [f"{name}: {kind}" for name in texts for kind in ("usual", "smallest")]
    lines = [f"| model | USD a million | {' | '.join(head)} |", "|---" * (len(head) + 2) + "|"]
    for model in models:
        price = rule_for(model).price
        cells = [model, "–" if price is None else f"{price:.2f}"]
        for text in texts.values():
            cells += [told(text, model, None), told(text, model, 1)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.prompts", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="UTF-8 text, plain or .xz")
    parser.add_argument("--characters", type=int, default=30_000, help="of each text")
    args = parser.parse_args()
    texts = {path.name.split(".")[0]: read_text(path)[: args.characters] for path in args.files}
    print(f"{args.characters:,} characters each; tokens before / tokens after\n")
    for line in rows(texts, MODELS):
        print(line)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
