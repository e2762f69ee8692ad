"""`optimem compress`: a text, or images and PDFs, to a file of vision tokens.

`optimem compress-prompt`: a long prompt to messages with pages, for people who call an API
themselves.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimem.cli.inputs import images_given, mode_option, refuse
from optimem.cli.output import (
    STDIN,
    json_option,
    print_fields,
    print_json,
    progress_bar,
    read_input,
    tier_option,
    timed_bar,
)
from optimem.errors import InputError
from optimem.model import NANO

if TYPE_CHECKING:
    from optimem.prompts import CompressedPrompt

SUFFIX = ".omem"


@click.command(
    epilog="\b\nExamples:\n  optimem compress notes.txt\n"
    "  optimem compress notes.txt --tier tiny --json\n"
    "  cat notes.txt | optimem compress - -o notes.omem\n"
    "  optimem compress paper.pdf scan.jpg --model deepseek-ai/DeepSeek-OCR -o paper.omem"
)
@click.argument("sources", metavar="INPUT...", nargs=-1, required=True)
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Output file.")
@click.option(
    "--model", default=NANO, show_default=True, metavar="NAME",
    help="optimem-nano, or a DeepSeek-OCR folder or hub name, which images need.",
)  # fmt: skip
@tier_option
@mode_option
@click.option(
    "--packing", default="int8", show_default=True, metavar="PACKING",
    help="Of images: bf16, int8 or int4; fewer bytes, less exact tokens.",
)  # fmt: skip
@json_option
def compress(
    sources: tuple[str, ...], out: Path | None, model: str, tier: str, mode: str, packing: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Turn a UTF-8 text file ("-" for standard input), or any number of image files and PDFs,
    into a file of vision tokens.

    The output, INPUT with the suffix .omem unless -o names it, is replaced if it exists. It
    holds no copy of the text, nor of the images.
    """
    images = images_given(sources, model)
    if images:
        refuse("tier", "a text")
    else:
        refuse("mode", "images")
        refuse("packing", "images")
    out = out or _beside(sources)
    if images:
        report = _compress_pictures(images, out, model, mode, packing)
    else:
        report = _compress_text(sources[0], out, model, tier)
    report = {"file": str(out), **report}
    if as_json:
        print_json(report)
    else:
        print_fields(f"{', '.join(sources)} → {out}", report)


def _beside(sources: Sequence[str]) -> Path:
    if STDIN in sources or len(sources) > 1:
        given = "reading standard input" if STDIN in sources else "several inputs"
        raise click.UsageError(f"{given} needs -o OUT{SUFFIX}")
    return Path(sources[0]).with_suffix(SUFFIX)


def _compress_text(source: str, out: Path, model: str, tier: str) -> dict[str, Any]:
    text = read_input(source)
    if not text:
        raise InputError(f"{source} is empty; there is nothing to compress")
    from optimem.api.files import compress as compress_text
    from optimem.tiers import Tier

    with progress_bar("drawing and encoding pages") as bar:
        done = compress_text(text, Tier.parse(tier), model=model, progress=bar)
    done.file.save(out)
    return done.report.model_dump()


def _compress_pictures(
    sources: Sequence[Path], out: Path, model: str, mode: str, packing: str
) -> dict[str, Any]:
    from optimem.api.files import compress_images

    with timed_bar("encoding pages") as bar:
        report = compress_images(
            sources, out, model=model, mode=mode, packing=packing, progress=bar
        )
    return report.model_dump()


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
    from optimem.api.prompts import compress_prompt as compress_messages

    text = read_input(source)
    made = compress_messages(
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
        click.echo(made.plan.summary(), err=True)


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


COMMANDS = (compress, compress_prompt)
"""Of this module, for the command line."""
