"""What prompts cost as pages, for one model of each price rule.

The start of each text goes through `compress_prompt` twice: with text of a usual size, and
with the smallest; sizes are x-heights in the pixels that the model sees. Text is counted by the
model's own vocabulary where it can be had, else by DeepSeek's; tokens of images follow the
provider's rule. Whether a model reads such pages is not measured.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.drawing import compare
from optimem.api.prompts import compress_prompt
from optimem.errors import PromptError
from optimem.prompts import PromptPlan, rule_for
from optimem.prompts.counting import TokenCounter, counting_for
from optimem.text.files import read_text_file

MODELS = (
    "gpt-4o", "gpt-4.1-mini", "gpt-5.1", "gpt-5.5", "claude-opus-4-8", "claude-haiku-4-5",
    "gemini-2.5-pro", "gemini-3-flash-preview", "qwen3-vl",
)  # fmt: skip
SMALLEST = 1
"""A budget in tokens that no prompt meets: the refusal's plan has the smallest text."""


def describe(text: str, model: str, budget: int | None) -> str:
    """The ratio that a prompt reaches, and the size of its text."""
    try:
        plan: PromptPlan = compress_prompt(
            text, model=model, budget=budget, count=count_for(model)
        ).plan
    except PromptError as error:
        plan = error.plan
    refused = " (refused)" if plan.ratio <= 1 else ""
    return f"{plan.ratio:.2f}× at {min(plan.x_heights):g} px{refused}"


def count_for(model: str) -> TokenCounter:
    """Counts text as the model does, or as DeepSeek does."""
    return counting_for(rule_for(model).tokenizer).count


def table_header(names: Sequence[str]) -> str:
    """The first two lines of a Markdown table."""
    columns = [f"{name}: {kind}" for name in names for kind in ("usual", "smallest")]
    rule = "|---" * (len(columns) + 2) + "|"
    return f"| model | USD per million | {' | '.join(columns)} |\n{rule}"


def table_row(model: str, texts: Sequence[str]) -> str:
    """A model's line of the table."""
    price = rule_for(model).price
    cells = [model, "–" if price is None else f"{price:.2f}"]
    for text in texts:
        cells += [describe(text, model, None), describe(text, model, SMALLEST)]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Parse arguments and print the table line by line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prompts", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="UTF-8 text, plain or .xz")
    parser.add_argument(
        "--characters", type=int, default=30_000, help="of each text (default: 30000)"
    )
    parser.add_argument(
        "--time", metavar="MODEL", nargs="?", const="gpt-4o", help="instead of the table: CPU time "
        "of drawing, beside Pillow's (default model: gpt-4o)",
    )  # fmt: skip
    args = parser.parse_args()
    if args.time:
        for path in args.files:
            print(compare(read_text_file(path)[: args.characters], args.time))
        return
    texts = {
        path.name.split(".")[0]: read_text_file(path)[: args.characters] for path in args.files
    }
    print(f"{args.characters:,} characters each; tokens before / tokens after\n")
    print(table_header(list(texts)))
    for model in MODELS:
        print(table_row(model, list(texts.values())), flush=True)


if __name__ == "__main__":
    main()
