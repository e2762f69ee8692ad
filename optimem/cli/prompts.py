"""`optimem compress-prompt`: a long prompt to messages with pages, for people who call an API
themselves."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimem.cli.output import json_option, print_fields, print_json, read_input
from optimem.errors import InputError

if TYPE_CHECKING:
    from optimem.prompts import CompressedPrompt

LISTS = ("messages", "contents")
"""Keys under which requests of OpenAI, Anthropic and Gemini hold their messages."""


def _list_models(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from optimem.prompts import RULES

    click.echo("| model (pattern) | tokens of an image | page | USD a million | read | source |")
    click.echo("|---|---|---|---|---|---|")
    for rule in RULES:
        page, price = rule.page, "–" if rule.price is None else f"{rule.price:.2f}"
        names = rule.label.replace("|", r"\|")
        click.echo(
            f"| `{names}` | {rule.formula} | {page.width} × {page.height} px: "
            f"{rule.formula.tokens(page.width, page.height):,} | {price} | {rule.date} | "
            f"{rule.source} |"
        )
    context.exit()


@click.command(
    "compress-prompt",
    epilog="\b\nExamples:\n"
    "  optimem compress-prompt report.txt --model gpt-4o -q 'What was decided?' > request.json\n"
    "  optimem compress-prompt chat.json --model claude-opus-4-8 --keep 4 -o request\n"
    "  optimem compress-prompt chat.json --model gemini-2.5-pro --budget 20000 --json\n"
    "  optimem compress-prompt --list-models",
)
@click.argument("source", metavar="INPUT")
@click.option("--model", required=True, help="The model that the prompt goes to.")
@click.option("-q", "--question", default="", help="What to ask about the pages, after them.")
@click.option("--budget", type=click.IntRange(1), help="Most tokens of the whole prompt.")
@click.option("--keep", type=click.IntRange(0), default=1, show_default=True,
              help="Last messages that stay text.")  # fmt: skip
@click.option("--form", type=click.Choice(["openai", "anthropic", "gemini", "langchain"]),
              help="How to write the message of a text; default the provider's.")  # fmt: skip
@click.option("--no-exact", is_flag=True, help="Do not list ids, numbers and paths as text.")
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for messages.json and the pages as PNG.")  # fmt: skip
@click.option("--list-models", is_flag=True, is_eager=True, expose_value=False,
              callback=_list_models, help="Print the table of rules and prices.")  # fmt: skip
@json_option
def compress_prompt(
    source: str, model: str, question: str, budget: int | None, keep: int, form: str | None,
    no_exact: bool, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Turn a text, or messages in a .json file, into messages with pages as images, where that
    costs fewer tokens by the provider's own rule; refuse, with the figures, where it does not.

    Prints the messages as JSON, and what they cost on standard error; with --json both.
    """
    from optimem import prompts

    text = read_input(source)
    made = prompts.compress_prompt(
        _messages(text, source) if source.endswith(".json") else text,
        model=model, budget=budget, keep=keep, question=question, form=form, exact=not no_exact,
    )  # fmt: skip
    if out is not None:
        _save(made, out)
    plan = made.plan.model_dump() | {"ratio": round(made.plan.ratio, 2)}
    if as_json:
        print_json({"plan": plan} if out else {"plan": plan, "messages": made.messages})
    elif out:
        print_fields(f"{source} → {out}", plan)
    else:
        print_json(made.messages)
        click.echo(made.plan.told(), err=True)


def _messages(text: str, source: str) -> Sequence[Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"{source} is not JSON: {error}; give a .txt file for text") from error
    if isinstance(found, dict):
        found = next((found[name] for name in LISTS if name in found), None)
    if not isinstance(found, list):
        raise InputError(
            f"{source} holds no messages; give a JSON list of them, or a request with "
            f"{' or '.join(LISTS)}"
        )
    return found


def _save(made: "CompressedPrompt", folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(made.pages, 1):
        (folder / f"page-{number}.png").write_bytes(page.png)
    written = json.dumps(made.messages, ensure_ascii=False, indent=2)
    (folder / "messages.json").write_text(written, "utf-8")


COMMANDS = (compress_prompt,)
"""Of this module, for the command line."""
