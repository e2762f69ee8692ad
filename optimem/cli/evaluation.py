"""The commands that measure and show: eval and inspect."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimem.cli.inputs import Place, memory_options
from optimem.cli.memory import now_option, parsed_time
from optimem.cli.output import json_option, print_json, timed_bar
from optimem.errors import InputError
from optimem.model import NANO
from optimem.tiers import Tier

if TYPE_CHECKING:
    from optimem.evaluation.kinds import Kind
    from optimem.protocols import PageCodec

REPORT = "report.html"


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"{text!r} is no list of ratios; write numbers with commas: 5,10,20"
        ) from None


@click.command(
    name="eval",
    epilog="\b\nExamples:\n  optimem eval notes.txt\n  optimem eval chat=talk.txt app.py"
    " --ratios 10,20 --report fidelity\n  optimem eval notes.txt --baseline tesseract",
)
@click.argument("files", nargs=-1)
@click.option("--model", default=NANO, show_default=True, metavar="NAME",
              help="optimem-nano, or a DeepSeek-OCR folder or hub name.")  # fmt: skip
@click.option("--ratios", default="5,10,20,40", show_default=True, metavar="R,R,…",
              help="Text tokens per vision token.")  # fmt: skip
@click.option("--tiers", is_flag=True, help="Measure full pages of every tier too.")
@click.option("--pages", type=click.IntRange(min=1), default=6, show_default=True,
              help="Pages of each kind at most.")  # fmt: skip
@click.option("--baseline", "named", multiple=True, metavar="NAME",
              help="Also compare with tesseract, rapidocr or llmlingua2 (its weights:"
              " llmlingua2=FOLDER).")  # fmt: skip
@click.option("--tokenizer", default="deepseek", show_default=True,
              help="deepseek, bytes, or the path of a tokenizer.json.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Of all that is drawn at random.")  # fmt: skip
@click.option("--report", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for report.html; partial results too, so a run can go on.")  # fmt: skip
@click.option("--markdown", is_flag=True, help="Print all tables as Markdown.")
@json_option
def evaluate_command(
    files: tuple[str, ...], model: str, ratios: str, tiers: bool, pages: int,
    named: tuple[str, ...], tokenizer: str, seed: int, report: Path | None, markdown: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Measure what compressing FILES costs. A file is a path, or KIND=PATH to say what it is;
    texts that nobody can guess are added. Without files, the demo's conversation is measured."""
    from optimem.build import named_codec
    from optimem.evaluation.baselines import DEFAULT
    from optimem.evaluation.run import evaluate

    asked, texts, reader = _numbers(ratios), _texts(files), named_codec(model)
    try:
        with timed_bar("measuring") as bar:
            result = evaluate(
                texts=texts, model=reader, ratios=asked, pages=pages, tokens=tokenizer,
                tiers=tuple(sorted(Tier, reverse=True)) if tiers else (),
                baseline=(*DEFAULT, *named), seed=seed, folder=report, progress=bar,
            )  # fmt: skip
        _print(result, as_json, markdown)
        if report:
            _write_report(result, texts[0].text, reader, report)
    except KeyboardInterrupt:
        click.echo(
            f"what is measured is kept in {report}; run the same to go on" if report else
            "nothing is kept; with --report FOLDER a run can go on where it was", err=True
        )  # fmt: skip
        raise


def _print(result: dict[str, Any], as_json: bool, markdown: bool) -> None:
    from optimem.evaluation import tables

    if as_json:
        print_json(result)
    elif markdown:
        click.echo(tables.document(result))
    else:
        _print_table(tables.short_table(result))
        for told in filter(None, (tables.unreached(result), tables.wins(result))):
            click.echo(told)


def _texts(files: tuple[str, ...]) -> "list[Kind]":
    from optimem.cli.demo import demo_turns
    from optimem.evaluation.kinds import Kind, read_kinds

    if files:
        return read_kinds(files)
    said = "\n".join(f"{turn['role']}: {turn['text']}" for turn in demo_turns())
    return [Kind("conversation", said, controlled=False)]


def _write_report(result: dict[str, Any], text: str, reader: "PageCodec", to: Path) -> None:
    from optimem.evaluation.report import write_report

    path = to / REPORT
    write_report(result, text, reader, path)
    click.echo(f"report: {path}", err=True)


def _print_table(rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for at, name in enumerate(rows[0]):
        table.add_column(name, justify="left" if at in (0, 2) else "right")
    for row in rows[1:]:
        table.add_row(*row)
    Console().print(table)


@click.command(epilog="\b\nExample:\n  optimem inspect work/ann/monday --out memory.html")
@click.argument("scope", required=False)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path),
              default=Path("optimem-memory.html"), show_default=True)  # fmt: skip
@now_option
@memory_options("store", "model")
def inspect(scope: str | None, out: Path, now: str | None, place: Place) -> None:
    """Write a page that shows the memory of SCOPE, or of the whole store: pages by age and
    tier, what fades when, bytes, and a search over what can be read."""
    from optimem.evaluation.inspection import write_inspection

    with place.open() as memory:
        write_inspection(memory, scope, out, now=parsed_time(now))
    click.echo(f"written to {out}")


COMMANDS = (evaluate_command, inspect)
