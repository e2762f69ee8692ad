"""`optimem eval` and `optimem inspect`: what compression costs, and what a memory holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimem.cli.completion import complete_file, scope_argument
from optimem.cli.inputs import (
    STDIN,
    MemoryOptions,
    json_option,
    memory_options,
    now_option,
    read_input,
)
from optimem.cli.output import file_or_stdout, print_json, print_paragraph, print_rows, progress_bar
from optimem.errors import InputError
from optimem.model import NANO
from optimem.tiers import Tier

if TYPE_CHECKING:
    from optimem.evaluation.corpora import Corpus
    from optimem.protocols import PageCodec

REPORT = "report.html"


@click.command(
    name="eval",
    epilog="\b\nExamples:\n"
    "  optimem eval notes.txt\n"
    "  optimem eval chat=talk.txt app.py --ratios 10,20 --report fidelity\n"
    "  optimem eval notes.txt --baseline tesseract",
)
@click.argument("files", nargs=-1, shell_complete=complete_file)
@click.option("--model", default=NANO, show_default=True, metavar="NAME",
              help="optimem-nano, or a DeepSeek-OCR folder or hub name.")  # fmt: skip
@click.option("--ratios", default="5,10,20,40", show_default=True, metavar="R,R,…",
              help="Text tokens per vision token.")  # fmt: skip
@click.option("--tiers", is_flag=True, help="Also measure full pages at every tier.")
@click.option("--pages", type=click.IntRange(min=1), default=6, show_default=True, metavar="N",
              help="Most pages of each text.")  # fmt: skip
@click.option("--baseline", "baselines", multiple=True, metavar="NAME",
              help="Also compare with tesseract, rapidocr or llmlingua2 "
              "(llmlingua2=FOLDER gives its weights).")  # fmt: skip
@click.option("--tokenizer", default="deepseek", show_default=True, metavar="NAME",
              help="deepseek, bytes, or the path of a tokenizer.json.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
              help="Seed of everything drawn at random.")  # fmt: skip
@click.option("--report", type=click.Path(file_okay=False, path_type=Path),
              help=f"Folder for {REPORT}, and for partial results, from which an interrupted run "
              "resumes.")  # fmt: skip
@click.option("--markdown", is_flag=True, help="Print all tables as Markdown.")
@json_option
def evaluate_command(
    files: tuple[str, ...], model: str, ratios: str, tiers: bool, pages: int,
    baselines: tuple[str, ...], tokenizer: str, seed: int, report: Path | None, markdown: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Measure what compression costs in fidelity.

    Each of FILES is a path, by which the text is named, or NAME=PATH; "-" is standard input. Texts
    that cannot be guessed are measured, too. Without FILES, the conversation of the demo is
    measured.
    """
    from optimem.build import named_codec
    from optimem.evaluation.baselines import BUILT_IN
    from optimem.evaluation.run import evaluate

    asked, corpora, codec = _parse_ratios(ratios), _read_corpora(files), named_codec(model)
    try:
        with progress_bar("measuring") as bar:
            result = evaluate(
                corpora=corpora, codec=codec, ratios=asked, pages=pages, tokenizer=tokenizer,
                tiers=tuple(sorted(Tier, reverse=True)) if tiers else (),
                baselines=(*BUILT_IN, *baselines), seed=seed, folder=report, progress=bar,
            )  # fmt: skip
        _print_result(result, as_json, markdown)
        if report:
            _write_report(result, corpora[0].text, codec, report)
    except KeyboardInterrupt:
        click.echo(_interrupted_message(report), err=True)
        raise


def _parse_ratios(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"{text!r} is not a list of ratios; write numbers with commas: 5,10,20"
        ) from None


def _read_corpora(files: Sequence[str]) -> "list[Corpus]":
    from optimem.cli.demo_story import demo_turns
    from optimem.evaluation.corpora import Corpus, read_corpora, read_file

    if files:
        named = [f"standard input={STDIN}" if file == STDIN else file for file in files]
        return read_corpora(named, lambda path: (read_input if path == STDIN else read_file)(path))
    chat = "\n".join(f"{turn['role']}: {turn['text']}" for turn in demo_turns())
    return [Corpus("conversation", chat, controlled=False)]


def _print_result(result: dict[str, Any], as_json: bool, markdown: bool) -> None:
    from optimem.evaluation import tables
    from optimem.evaluation.verdict import verdicts

    if as_json:
        print_json(result)
    elif markdown:
        click.echo(tables.markdown_document(result))
    else:
        for verdict in verdicts(result):
            print_paragraph(f"{verdict.text}: {verdict.advice}. {verdict.reason}")
        print_rows(tables.short_table(result), left=(0, 2))
        for note in (tables.unreachable_ratios(result), tables.baselines_ahead(result)):
            if note:
                click.echo(note)


def _write_report(result: dict[str, Any], text: str, codec: "PageCodec", folder: Path) -> None:
    from optimem.evaluation.report import write_report

    path = folder / REPORT
    write_report(result, text, codec, path)
    click.echo(f"report: {path}", err=True)


def _interrupted_message(folder: Path | None) -> str:
    if folder is None:
        return "results are lost; with --report FOLDER an interrupted run can be resumed"
    return f"results so far are in {folder}; run the same command again to resume"


@click.command(epilog="\b\nExample:\n  optimem inspect work/ann/monday --out memory.html")
@scope_argument(required=False)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path),
              default=Path("optimem-memory.html"), show_default=True,
              help='The file to write; "-" for standard output.')  # fmt: skip
@now_option
@memory_options("store", "model", "reader")
def inspect(scope: str | None, out: Path, now: float | None, options: MemoryOptions) -> None:
    """Show a memory as an HTML page.

    The page shows what SCOPE, or the whole store, holds: what a sweep would fade now and what
    fades later, every page with its turns, bytes, and a search over what can be read.
    """
    from optimem.evaluation.inspection import write_inspection

    with options.open() as memory, progress_bar("reading pages") as bar:
        if scope:
            memory.check_known(scope)
        with file_or_stdout(out) as path:
            write_inspection(memory, scope, path, now=now, progress=bar)
    click.echo(f"written to {out}", err=True)


COMMANDS = (evaluate_command, inspect)
