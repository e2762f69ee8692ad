"""`optimem compress` and `optimem read`: text to a file of vision tokens, and back."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from optimem.cli.output import (
    STDIN,
    json_option,
    print_fields,
    print_json,
    progress_bar,
    read_input,
    tier_option,
)
from optimem.errors import InputError
from optimem.protocols import Reading

SUFFIX = ".omem"
UNCERTAIN = 0.5
PNG = b"\x89PNG"


@click.command(
    epilog="\b\nExamples:\n  optimem compress notes.txt\n"
    "  optimem compress notes.txt --tier tiny --json\n"
    "  cat notes.txt | optimem compress - -o notes.omem"
)
@click.argument("source", metavar="INPUT")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Output file.")
@tier_option
@json_option
def compress(source: str, out: Path | None, tier: str, as_json: bool) -> None:
    """Turn a UTF-8 text file ("-" for standard input) into a file of vision tokens.

    The output, INPUT with the suffix .omem unless -o names it, is replaced if it exists. It
    holds no copy of the text.
    """
    if out is None:
        if source == STDIN:
            raise click.UsageError("reading standard input needs -o OUT.omem")
        out = Path(source).with_suffix(SUFFIX)
    text = read_input(source)
    if not text:
        raise InputError(f"{source} is empty; there is nothing to compress")
    from optimem.build import page_reader
    from optimem.compression import compress as compress_text
    from optimem.tiers import Tier

    with progress_bar("drawing and encoding pages") as bar:
        done = compress_text(text, Tier.parse(tier), page_reader(), bar)
    done.file.save(out)
    report = {"file": str(out), **done.report.model_dump()}
    if as_json:
        print_json(report)
    else:
        print_fields(f"{source} → {out}", report)


@click.command(
    epilog="\b\nExamples:\n  optimem read notes.omem > notes.txt\n"
    "  optimem read notes.omem --page 2 --confidence\n"
    "  optimem read paper.pdf --model deepseek-ai/DeepSeek-OCR\n"
    "  optimem read scan.jpg --model ./DeepSeek-OCR --mode gundam --ask 'What is the total?'"
)
@click.argument(
    "source", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--confidence", is_flag=True, help="Write characters less likely than 50 % as ⟦c⟧.")
@click.option("--page", type=click.IntRange(1), help="Only this page, counted from 1.")
@click.option("--model", help="A DeepSeek-OCR folder or hub name: reads any image or PDF.")
@click.option("--mode", default="base", show_default=True, help="With --model: see above.")
@click.option("--ask", metavar="QUESTION", help="With --model: answer this instead.")
def read(
    source: Path, confidence: bool, page: int | None, model: str | None, mode: str, ask: str | None
) -> None:
    """Print the text of an .omem file, and nothing else.

    Also reads the PNG of a page that optimem drew in its dense style, and refuses other
    images; with --model it reads any image or PDF, as Markdown. Modes: tiny, small, base,
    large, gundam, gundam-m.
    """
    if model is not None:
        _look_at(source, model, mode, ask, confidence, page)
        return
    if ask is not None:
        raise click.UsageError("--ask needs --model, a model that answers questions")
    data = source.read_bytes()
    readings = _image_readings(source) if data.startswith(PNG) else _file_readings(data, page)
    for reading in readings:
        text = reading.text
        if confidence:
            pairs = zip(text, reading.probability.tolist(), strict=True)
            text = "".join(c if p >= UNCERTAIN else f"⟦{c}⟧" for c, p in pairs)
        sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _look_at(
    source: Path, model: str, mode: str, ask: str | None, confidence: bool, page: int | None
) -> None:
    """Print what a large model reads, page by page; say on stderr where it did not end."""
    from optimem.build import look_at

    answers = look_at(source, model=model, mode=mode, question=ask, only=page)
    for number, answer in answers:
        click.echo(answer.marked(UNCERTAIN) if confidence else answer.grounded.text)
        if not answer.complete:
            click.echo(f"page {number} is incomplete: {answer.finish.value}", err=True)


def _file_readings(data: bytes, page: int | None) -> Iterator[Reading]:
    from optimem.build import page_reader
    from optimem.compression import read_pages
    from optimem.token_file import TokenFile

    with progress_bar("reading pages") as bar:
        wanted = None if page is None else [page - 1]
        yield from read_pages(TokenFile.from_bytes(data), page_reader(), wanted, bar)


def _image_readings(source: Path) -> Iterator[Reading]:
    from optimem.build import page_reader, read_picture

    yield page_reader().renderer.text(read_picture(source))


COMMANDS = (compress, read)
