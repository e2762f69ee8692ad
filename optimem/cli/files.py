"""`optimem read` and `optimem decompress`: what a file of vision tokens, or a image, says."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from optimem.cli.inputs import at_rest, is_image, mode_option, needs_model, refuse
from optimem.cli.output import timed_bar
from optimem.errors import FormatError, InputError
from optimem.model import NANO
from optimem.omem.atomic import atomic_write
from optimem.omem.container import MAGIC, Kind, file_kind
from optimem.protocols import Reading

if TYPE_CHECKING:
    from optimem.protocols import Progress

UNCERTAIN = 0.5
PNG = b"\x89PNG"

page_option = click.option("--page", type=click.IntRange(1), help="Only this page, counted from 1.")
confidence_option = click.option(
    "--confidence", is_flag=True, help="Write what is less likely than 50 % as ⟦…⟧."
)
wrote_option = click.option(
    "--model", metavar="NAME", help="The model that wrote the file  [default: optimem-nano]"
)
file_argument = click.argument(
    "source", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


@click.command(
    epilog="\b\nExamples:\n  optimem decompress notes.omem -o notes.txt\n"
    "  optimem decompress paper.omem --page 3 --model deepseek-ai/DeepSeek-OCR"
)
@file_argument
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Output file.")
@page_option
@confidence_option
@wrote_option
def decompress(
    source: Path, out: Path | None, page: int | None, confidence: bool, model: str | None
) -> None:
    """Print the text of an .omem file, or the Markdown of its images page by page, and nothing
    else; with -o write it to a file, whole or not at all."""
    shown = out is None and sys.stdout.isatty()  # then the text itself shows how far it has come
    with at_rest(source) as file:
        if not _is_token_file(file):
            raise FormatError(f"{source} is no .omem file; make one with `optimem compress`")
        texts = _token_file(file, model, None, confidence, page, bar=not shown)
        with nullcontext(sys.stdout.buffer) if out is None else atomic_write(out) as to:
            _write(texts, to)


@click.command(
    epilog="\b\nExamples:\n  optimem read notes.omem > notes.txt\n"
    "  optimem read notes.omem --page 2 --confidence\n"
    "  optimem read paper.pdf --model deepseek-ai/DeepSeek-OCR\n"
    "  optimem read scan.jpg --model ./DeepSeek-OCR --mode gundam --ask 'What is the total?'\n"
    "  optimem read paper.omem --model ./DeepSeek-OCR --ask 'What is the total?'"
)
@file_argument
@confidence_option
@page_option
@click.option("--model", metavar="NAME", help="A DeepSeek-OCR folder or hub name: reads any image "
              "or PDF. Of an .omem file: the model that wrote it.")  # fmt: skip
@mode_option
@click.option("--ask", metavar="QUESTION", help="Of images: answer this instead.")
def read(
    source: Path, confidence: bool, page: int | None, model: str | None, mode: str, ask: str | None
) -> None:
    """Print the text of an .omem file, and nothing else; of one that holds images, Markdown,
    or an answer from the stored tokens alone.

    Also reads the PNG of a page that optimem drew in its dense style, and refuses other
    images; with --model it reads any image or PDF, as Markdown.
    """
    large = model not in (None, NANO)
    if ask is not None and not large:
        raise click.UsageError("--ask needs --model, a model that answers questions")
    with at_rest(source) as file:
        if _is_token_file(file):
            refuse("mode", "images that are not encoded yet")
            texts = _token_file(file, model, ask, confidence, page, bar=not sys.stdout.isatty())
        elif large:
            from optimem.api.files import read_document

            answers = read_document(file, model=str(model), mode=mode, question=ask, only=page)
            texts = _answered(answers, confidence)
        else:
            texts = _drawn_page(file, confidence)
        _write(texts, sys.stdout.buffer)


def _token_file(
    source: Path, model: str | None, ask: str | None, confidence: bool, page: int | None, bar: bool
) -> Iterator[str]:
    """What an .omem file says, page by page. `bar`: show how far that has come."""
    with timed_bar("reading pages") if bar else nullcontext() as progress:
        if file_kind(source) is Kind.IMAGE_ARCHIVE:
            if model in (None, NANO):
                raise InputError(needs_model(source))
            from optimem.api.files import read_images

            wanted = None if page is None else [page - 1]
            answers = read_images(
                source, model=str(model), question=ask, pages=wanted, progress=progress
            )
            yield from _answered(enumerate(answers, page or 1), confidence)
        elif ask is not None:
            raise click.UsageError(f"--ask is of images; {source} holds a text")
        else:
            yield from _text_pages(source, model, confidence, page, progress)


def _text_pages(
    source: Path, model: str | None, confidence: bool, page: int | None, progress: "Progress | None"
) -> Iterator[str]:
    from optimem.api.files import read_pages
    from optimem.omem.text import TokenFile

    wanted = None if page is None else [page - 1]
    file = TokenFile.load(source)
    for reading in read_pages(file, model=model or NANO, pages=wanted, progress=progress):
        yield _marked(reading, confidence)


def _drawn_page(source: Path, confidence: bool) -> Iterator[str]:
    """The text of an image of a page that optimem drew."""
    with source.open("rb") as file:
        drawn = file.read(len(PNG)) == PNG
    if not drawn:
        if is_image(source, None):
            raise InputError(needs_model(source))
        raise FormatError(f"{source} is no .omem file; make one with `optimem compress`")
    from optimem.api.files import read_page_image
    from optimem.build import nano_codec

    yield _marked(nano_codec().renderer.text(read_page_image(source)), confidence)


def _answered(answers: Iterable[tuple[int, Any]], confidence: bool) -> Iterator[str]:
    """What a large model reads, page by page; says on stderr where it did not end."""
    for number, answer in answers:
        yield (answer.marked(UNCERTAIN) if confidence else answer.grounded.text) + "\n"
        if not answer.complete:
            click.echo(f"page {number} is incomplete: {answer.finish.value}", err=True)


def _marked(reading: Reading, confidence: bool) -> str:
    if not confidence:
        return reading.text
    pairs = zip(reading.text, reading.probability.tolist(), strict=True)
    return "".join(char if sure >= UNCERTAIN else f"⟦{char}⟧" for char, sure in pairs)


def _is_token_file(source: Path) -> bool:
    with source.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _write(texts: Iterable[str], file: BinaryIO) -> None:
    """Each page as soon as it is read."""
    for text in texts:
        file.write(text.encode())
        file.flush()


COMMANDS = (decompress, read)
