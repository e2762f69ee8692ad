"""`optimem read` and `optimem decompress`: the text of an .omem file or of an image."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import click

from optimem.cli.inputs import (
    STDIN,
    image_model_message,
    is_image,
    mode_option,
    raw_option,
    reject_option,
    seekable,
)
from optimem.cli.output import progress_bar
from optimem.errors import FormatError, InputError
from optimem.model import NANO
from optimem.omem.atomic import atomic_write
from optimem.tiers import Tier

if TYPE_CHECKING:
    from optimem.protocols import Progress, Reading

PNG = b"\x89PNG"

page_option = click.option(
    "--page", type=click.IntRange(1), metavar="N", help="Only this page, counted from 1."
)
confidence_option = click.option(
    "--confidence", is_flag=True,
    help="Show the likeliest character in ⟦…⟧ where one is less than 50 % certain, instead of �.",
)  # fmt: skip
limit_option = click.option(
    "--limit", type=click.IntRange(1), metavar="N", show_default="what the model takes, 8192",
    help="For images: most tokens of a page's answer.",
)  # fmt: skip
reader_option = click.option(
    "--reader", "--server", envvar="OPTIMEM_READER", show_envvar=True, metavar="URL",
    help="A vLLM server that answers from stored images, and reads DeepSeek-OCR's text, in place "
    "of --model, such as vllm+http://host:8000. Text of optimem-nano needs none.",
)  # fmt: skip
files_argument = click.argument(
    "sources", metavar="FILE...", nargs=-1, required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)  # fmt: skip


class Given(NamedTuple):
    """A file to read, and what it is called in messages."""

    path: Path
    name: str


class ReadOptions(NamedTuple):
    """How a file is read. `page`: only this one, from 1. `question`: for images, to be answered
    instead. `confidence`: show the likeliest character where one is uncertain, in brackets; `raw`:
    without them. `limit`: most tokens of an answer about an image; None for as many as the model
    takes. `reader`: a server that answers from stored pages in place of the model."""

    model: str
    page: int | None
    question: str | None
    confidence: bool
    raw: bool = False
    limit: int | None = None
    reader: str | None = None

    @property
    def pages(self) -> list[int] | None:
        """The pages to read, from 0; None for all."""
        return None if self.page is None else [self.page - 1]

    @property
    def likeliest(self) -> bool:
        """Whether a doubtful character is shown as what it most likely is."""
        return self.raw or self.confidence

    @property
    def reads_images(self) -> bool:
        """Whether the model reads any image, and answers questions about it."""
        return self.model != NANO

    @property
    def asks(self) -> bool:
        """Whether there is a model that answers, here or on a server."""
        return self.reads_images or self.reader is not None


@click.command(
    epilog="\b\nExamples:\n"
    "  optimem read notes.omem > notes.txt\n"
    "  optimem read notes.omem --page 2 --confidence\n"
    "  optimem read notes.omem --raw\n"
    "  optimem read paper.pdf --model deepseek-ai/DeepSeek-OCR\n"
    "  optimem read scan.jpg --model ./DeepSeek-OCR --mode gundam\n"
    "  optimem read scans.omem --model ./DeepSeek-OCR --ask 'What is the total?'\n"
    "  optimem read scans.omem --reader vllm+http://host:8000 --ask 'What is due?'"
)
@files_argument
@confidence_option
@raw_option
@page_option
@click.option("--model", metavar="NAME",
              help="A DeepSeek-OCR folder or hub name: reads any image or PDF. For an .omem file: "
              "the model that wrote it.")  # fmt: skip
@mode_option
@click.option("--ask", metavar="QUESTION", help="For images: answer this instead.")
@reader_option
@limit_option
def read(
    sources: tuple[Path, ...],
    confidence: bool,
    raw: bool,
    page: int | None,
    model: str | None,
    mode: str,
    ask: str | None,
    reader: str | None,
    limit: int | None,
) -> None:
    """Print the text of .omem files or of images.

    FILE is any number of files, one after the other, or "-" for standard input.
    Text at Large, Base and Small comes back to the letter; at Tiny and Trace, and from an image, a
    doubtful character is printed as �.

    A file of images is read as Markdown, or asked a question, from its stored tokens alone, by
    --model here or by a server (--reader), and printed as it is written; with --model, any image
    or PDF is encoded here and read the same way. Without a model, the only image that can be
    read is the PNG of a page that optimem drew in its dense style.
    """
    options = ReadOptions(model or NANO, page, ask, confidence, raw, limit, reader)
    if ask is not None and not options.asks:
        raise click.UsageError("--ask needs --model, a model that answers questions, or --reader")
    if limit is not None and not options.asks:
        raise click.UsageError("--limit needs --model, a model that reads images, or --reader")
    for source in sources:
        with seekable(source) as file:
            _write(_read(Given(file, _name(source)), options, mode), sys.stdout.buffer)


@click.command(
    epilog="\b\nExamples:\n"
    "  optimem decompress notes.omem -o notes.txt\n"
    "  optimem decompress paper.omem --page 3 --model deepseek-ai/DeepSeek-OCR"
)
@files_argument
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path),
              show_default="standard output", help="The file to write.")  # fmt: skip
@page_option
@confidence_option
@raw_option
@click.option("--model", default=NANO, show_default=True, metavar="NAME",
              help="The model that wrote the file.")  # fmt: skip
@reader_option
@limit_option
def decompress(
    sources: tuple[Path, ...],
    out: Path | None,
    page: int | None,
    confidence: bool,
    raw: bool,
    model: str,
    reader: str | None,
    limit: int | None,
) -> None:
    """Write the text of .omem files.

    FILE is any number of files, one after the other, or "-" for standard input.
    Text at Large, Base and Small comes back to the letter; at Tiny and Trace, a doubtful character
    is written as �. A file of images gives Markdown, page by page. With -o the text goes to a file,
    which is written as a whole or not at all.
    """
    options = ReadOptions(model, page, None, confidence, raw, limit, reader)
    path = None if str(out) == STDIN else out
    bar = not (path is None and sys.stdout.isatty())  # where the text is progress enough
    with nullcontext(sys.stdout.buffer) if path is None else atomic_write(path) as target:
        for source in sources:
            with seekable(source) as file:
                given = Given(file, _name(source))
                if not _is_omem(given):
                    raise FormatError(_not_omem_message(given))
                _write(_read_omem(given, options, bar), target)


def _read(source: Given, options: ReadOptions, mode: str) -> Iterator[str]:
    """The text of a file or an image, page by page."""
    if _is_omem(source):
        reject_option("mode", "images that are not encoded yet")
        return _read_omem(source, options, bar=not sys.stdout.isatty())
    if options.reads_images:
        return _read_document(source, options, mode)
    return _read_drawn_page(source, options)


def _read_omem(source: Given, options: ReadOptions, bar: bool) -> Iterator[str]:
    """The text of each page, or its answer. `bar`: show the progress."""
    from optimem.omem.container import ContainerKind, file_kind

    with progress_bar("reading pages") if bar else nullcontext() as progress:
        if file_kind(source.path) is ContainerKind.IMAGE_ARCHIVE:
            yield from _read_image_archive(source, options, progress)
        elif options.question is not None:
            raise click.UsageError(f"--ask is for images; {source.name} holds text")
        elif options.limit is not None:
            raise click.UsageError(f"--limit is for images; {source.name} holds text")
        else:
            yield from _read_token_file(source, options, progress)


def _read_image_archive(
    source: Given, options: ReadOptions, progress: "Progress | None"
) -> Iterator[str]:
    from optimem.api.files import stream_images

    if not options.asks:
        server = ", or --reader, a server of it"
        raise InputError(image_model_message(source.name) + server)
    streams = stream_images(
        source.path, model=options.model, reader=options.reader, question=options.question,
        pages=options.pages, limit=options.limit, progress=progress,
    )  # fmt: skip
    return _streamed_texts(streams, options)


def _read_token_file(
    source: Given, options: ReadOptions, progress: "Progress | None"
) -> Iterator[str]:
    from optimem.api.files import is_of_checkpoint, read_pages
    from optimem.omem.text import TokenFile

    file = TokenFile.from_bytes(source.path.read_bytes(), source.name)
    if not is_of_checkpoint(file):
        reject_option("reader", f"pages of DeepSeek-OCR; {source.name} was written by another")
    if file.tier is Tier.TRACE:
        click.echo(f"{source.name} is at Trace, which keeps the gist, not the letters", err=True)
    readings = read_pages(
        file, model=options.model, reader=options.reader, pages=options.pages,
        raw=options.likeliest, progress=progress,
    )  # fmt: skip
    return (_reading_text(reading, options) for reading in readings)


def _read_document(source: Given, options: ReadOptions, mode: str) -> Iterator[str]:
    from optimem.api.files import read_document

    answers = read_document(
        source.path, model=options.model, reader=options.reader, mode=mode,
        question=options.question, pages=options.pages, limit=options.limit,
    )  # fmt: skip
    return _answer_texts(answers, options)


def _read_drawn_page(source: Given, options: ReadOptions) -> Iterator[str]:
    """The text of the PNG of a page that optimem drew."""
    if not _starts_with(source, PNG):
        if is_image(source.path, None):
            raise InputError(image_model_message(source.name))
        raise FormatError(_not_omem_message(source))
    reject_option("reader", "stored pages, and beside --model for images")
    from optimem.api.files import read_page_image

    yield _reading_text(read_page_image(source.path, raw=options.likeliest), options)


def _streamed_texts(streams: Iterable[Any], options: ReadOptions) -> Iterator[str]:
    """What is written of each page, as it is written; names pages that were cut short."""
    for number, stream in enumerate(streams, options.page or 1):
        if options.confidence:
            yield from (piece.marked(_uncertain()) for piece in stream)
        else:
            yield from stream.texts()
        yield "\n"
        _warn_if_cut(number, stream.answer)


def _answer_texts(answers: Iterable[Any], options: ReadOptions) -> Iterator[str]:
    """What DeepSeek-OCR reads on each page; names pages whose reading was cut short."""
    for number, answer in enumerate(answers, options.page or 1):
        text = answer.marked(_uncertain()) if options.confidence else answer.grounded.text
        yield text + "\n"
        _warn_if_cut(number, answer)


def _warn_if_cut(number: int, answer: Any) -> None:
    if not answer.complete:
        click.echo(f"page {number} is incomplete: {answer.finish.value}", err=True)


def _reading_text(reading: "Reading", options: ReadOptions) -> str:
    if not options.confidence:
        return reading.text
    uncertain = _uncertain()
    pairs = zip(reading.text, reading.probability.tolist(), strict=True)
    return "".join(char if certain >= uncertain else f"⟦{char}⟧" for char, certain in pairs)


def _uncertain() -> float:
    from optimem.omem.text import UNCERTAIN

    return UNCERTAIN


def _is_omem(source: Given) -> bool:
    from optimem.omem.container import MAGIC

    return _starts_with(source, MAGIC)


def _starts_with(source: Given, signature: bytes) -> bool:
    with source.path.open("rb") as file:
        return file.read(len(signature)) == signature


def _name(source: Path) -> str:
    return "standard input" if str(source) == STDIN else str(source)


def _not_omem_message(source: Given) -> str:
    return f"{source.name} is not an .omem file; make one with `optimem compress`"


def _write(texts: Iterable[str], file: BinaryIO) -> None:
    """Write each text as soon as it is read."""
    for text in texts:
        if text:
            file.write(text.encode())
            file.flush()


COMMANDS = (read, decompress)
