"""`optimem compress`: text, or images and PDFs, to files of vision tokens. `optimem
compress-prompt`: a long prompt to messages with pages, for those who call an API themselves.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimem.cli.completion import complete_file
from optimem.cli.inputs import (
    STDIN,
    image_paths,
    json_option,
    mode_option,
    read_input,
    reject_option,
    tier_option,
)
from optimem.cli.output import (
    file_or_stdout,
    print_fields,
    print_json,
    print_rows,
    progress_bar,
)
from optimem.errors import InputError
from optimem.model import NANO

if TYPE_CHECKING:
    from optimem.prompts import CompressedPrompt

SUFFIX = ".omem"
MESSAGE_KEYS = ("messages", "contents")
"""Where requests to OpenAI, Anthropic and Gemini hold their messages."""


@click.command(
    epilog="\b\nExamples:\n"
    "  optimem compress notes.txt\n"
    "  optimem compress notes.txt app.py --tier tiny --json\n"
    "  cat notes.txt | optimem compress - -o - > notes.omem\n"
    "  optimem compress a.pdf b.jpg --model deepseek-ai/DeepSeek-OCR -o ab.omem"
)
@click.argument("sources", metavar="INPUT...", nargs=-1, required=True,
                shell_complete=complete_file)  # fmt: skip
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path),
              show_default=f"INPUT with the suffix {SUFFIX}",
              help='The file to write; "-" for standard output.')  # fmt: skip
@click.option("--model", default=NANO, show_default=True, metavar="NAME",
              help="optimem-nano, or a DeepSeek-OCR folder or hub name, which images "
              "need.")  # fmt: skip
@tier_option
@mode_option
@click.option("--packing", default="int8", show_default=True, metavar="PACKING",
              help="For images: bf16, int8 or int4; the smaller, the less "
              "exact.")  # fmt: skip
@json_option
def compress(
    sources: tuple[str, ...], out: Path | None, model: str, tier: str, mode: str, packing: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Compress text or images into .omem files.

    INPUT is any number of UTF-8 text files ("-" for standard input), each of which becomes a file
    of its own, or any number of images and PDFs, which become one file. An output file holds their
    vision tokens, but no copy of the text or the images. If it exists, it is replaced.
    """
    images = image_paths(sources, model)
    if images:
        reject_option("tier", "text")
        out = out or _output_path(sources)
        reports = [_compress_images(images, out, model, mode, packing)]
    else:
        reject_option("mode", "images")
        reject_option("packing", "images")
        outs = _output_paths(sources, out)
        reports = [
            _compress_text(source, path, model, tier)
            for source, path in zip(sources, outs, strict=True)
        ]
    _print_reports(reports, sources, as_json)


def _print_reports(
    reports: Sequence[dict[str, Any]], sources: Sequence[str], as_json: bool
) -> None:
    """What each file came to; on standard error if standard output is the file."""
    aside = reports[0]["file"] == STDIN
    if as_json:
        print_json(reports[0] if len(reports) == 1 else reports, aside)
        return
    names = sources if len(reports) == len(sources) else [", ".join(sources)]
    for name, report in zip(names, reports, strict=True):
        print_fields(f"{name} → {report['file']}", report, aside)


def _output_paths(sources: Sequence[str], out: Path | None) -> list[Path]:
    """The file of each text; a usage error if they would overwrite one another."""
    if out and len(sources) > 1:
        raise click.UsageError(
            f"{len(sources)} texts become {len(sources)} files; leave out -o, or give one text"
        )
    outs = [out or _output_path([source]) for source in sources]
    twice = next((path for path in outs if outs.count(path) > 1), None)
    if twice:
        raise click.UsageError(f"two of the texts would be written to {twice}; rename one")
    return outs


def _output_path(sources: Sequence[str]) -> Path:
    """The default output file; a usage error if there is no single input to name it after."""
    if STDIN in sources or len(sources) > 1:
        given = "standard input" if STDIN in sources else "several images"
        raise click.UsageError(f"compressing {given} needs -o FILE{SUFFIX}, or -o -")
    return Path(sources[0]).with_suffix(SUFFIX)


def _compress_text(source: str, out: Path, model: str, tier: str) -> dict[str, Any]:
    text = read_input(source)
    if not text:
        raise InputError(f"{source} is empty; there is nothing to compress")
    from optimem.api.files import compress as compress_text
    from optimem.tiers import Tier

    with progress_bar("encoding pages") as bar:
        compressed = compress_text(text, Tier.parse(tier), model=model, progress=bar)
    if str(out) == STDIN:
        sys.stdout.buffer.write(compressed.file.to_bytes())
    else:
        compressed.file.save(out)
    return {"file": str(out), **compressed.report.model_dump()}


def _compress_images(
    sources: Sequence[Path], out: Path, model: str, mode: str, packing: str
) -> dict[str, Any]:
    from optimem.api.files import compress_images

    with progress_bar("encoding pages") as bar, file_or_stdout(out) as path:
        report = compress_images(
            sources, path, model=model, mode=mode, packing=packing, progress=bar
        )
    return {"file": str(out), **report.model_dump()}


def _list_models(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the rules of all providers as a table, and exit."""
    if not wanted or context.resilient_parsing:
        return
    from optimem.prompts import RULES

    rows = [["model (pattern)", "tokens of an image", "of a page", "USD per million", "as of"]]
    for rule in RULES:
        page, price = rule.page, "–" if rule.price is None else f"{rule.price:.2f}"
        tokens = f"{rule.formula.tokens(page.width, page.height):,}"
        rows.append([rule.label, str(rule.formula), tokens, price, rule.date])
    print_rows(rows, left=(0, 1))
    sources = sorted({str(rule.source) for rule in RULES})
    click.echo("Prices and formulas are of:\n  " + "\n  ".join(sources))
    context.exit()


@click.command(
    "compress-prompt",
    epilog="\b\nExamples:\n"
    "  optimem compress-prompt report.txt --model gpt-4o -q 'What was decided?'\n"
    "  optimem compress-prompt chat.json --model claude-opus-4-8 --keep 4 -o out\n"
    "  optimem compress-prompt chat.json --model gpt-4o --budget 20000 --json\n"
    "  optimem compress-prompt --list-models",
)
@click.argument("source", metavar="INPUT", shell_complete=complete_file)
@click.option("--model", required=True, metavar="NAME",
              help="The model that will get the prompt.")  # fmt: skip
@click.option("-q", "--question", default="", help="A question to add after the pages.")
@click.option("--budget", type=click.IntRange(1), metavar="TOKENS",
              help="Most tokens of the whole prompt.")  # fmt: skip
@click.option("--x-height", type=click.FloatRange(1), metavar="PIXELS",
              help="Least height of a small x on the pages as the model sees them, after the "
                   "provider has scaled them.  [default: 5.5, with --budget 4.4]")  # fmt: skip
@click.option(
    "--leave-out",
    is_flag=True,
    help="Drop the oldest messages if even the smallest text exceeds the budget.",
)
@click.option("--keep", type=click.IntRange(0), default=1, show_default=True, metavar="N",
              help="How many of the last messages stay text.")  # fmt: skip
@click.option("--form", show_default="the provider's",
              type=click.Choice(["openai", "responses", "anthropic", "gemini", "langchain"]),
              help="Form of the message made of a text.")  # fmt: skip
@click.option("--no-exact", is_flag=True,
              help="Do not repeat ids and long numbers as text.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for messages.json and the pages as PNG.")  # fmt: skip
@click.option("--list-models", is_flag=True, is_eager=True, expose_value=False,
              callback=_list_models,
              help="Print the known models with their rules and prices.")  # fmt: skip
@json_option
def compress_prompt(
    source: str, model: str, question: str, budget: int | None, x_height: float | None,
    leave_out: bool, keep: int, form: str | None, no_exact: bool, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Replace long text in a prompt with page images.

    INPUT is a text, or a .json file of messages, or "-" for either on standard input. Pages are
    made only if they cost fewer tokens by the provider's own rule; otherwise the command fails with
    the numbers. It prints the messages as JSON and their cost on standard error, or, with --json,
    both on standard output.
    """
    from optimem.api.prompts import compress_prompt as compress_messages

    text = read_input(source)
    compressed = compress_messages(
        _parse_messages(text, source) if _holds_messages(text, source) else text,
        model=model, budget=budget, x_height=x_height, leave_out=leave_out, keep=keep,
        question=question, form=form, exact=not no_exact,
    )  # fmt: skip
    if out is not None:
        _save_prompt(compressed, out)
    plan = compressed.plan.model_dump() | {"ratio": round(compressed.plan.ratio, 2)}
    if as_json:
        print_json({"plan": plan} if out else {"plan": plan, "messages": compressed.messages})
    elif out:
        print_fields(f"{source} → {out}", plan)
    else:
        print_json(compressed.messages)
        click.echo(compressed.plan.summary(), err=True)


def _holds_messages(text: str, source: str) -> bool:
    """Whether an input is a request rather than a text: by its name, or, on standard input, by a
    list of messages with roles."""
    if source != STDIN or not text.lstrip().startswith(("[", "{")):
        return source.endswith(".json")
    try:
        return all("role" in message for message in _parse_messages(text, source))
    except (InputError, TypeError):
        return False


def _parse_messages(text: str, source: str) -> Sequence[Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"{source} is not JSON: {error}; give a .txt file for text") from error
    if isinstance(found, dict):
        found = next((found[key] for key in MESSAGE_KEYS if key in found), None)
    if not isinstance(found, list):
        raise InputError(
            f"{source} holds no messages; give a JSON list of them, or a request with "
            f"{' or '.join(MESSAGE_KEYS)}"
        )
    return found


def _save_prompt(compressed: "CompressedPrompt", folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(compressed.pages, 1):
        (folder / f"page-{number}.png").write_bytes(page.png)
    written = json.dumps(compressed.messages, ensure_ascii=False, indent=2)
    (folder / "messages.json").write_text(written, "utf-8")


COMMANDS = (compress, compress_prompt)
