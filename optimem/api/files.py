"""Files: texts and images to `.omem` files of vision tokens, and back.

Every path may be a string. Checks what was given, finds the model, and leaves the work to
`omem.text` for texts and to `model.deepseek_ocr.image_archive` for images.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from optimem import build
from optimem.errors import InputError
from optimem.memory.decay import DecayPolicy
from optimem.model import DEEPSEEK, NANO
from optimem.omem.container import compress as zstd
from optimem.omem.images import ImageArchive
from optimem.omem.text import (
    UNCERTAIN,
    TokenFile,
    WrittenPage,
    paginate,
    read_back,
    select_pages,
    write_pages,
)
from optimem.protocols import PageCodec, Progress, Reading, check_fingerprint
from optimem.reports import CompressReport, ImagesReport
from optimem.text.keeping import Keep, kept_cells
from optimem.text.tokens import text_tokens
from optimem.tiers import Tier
from optimem.turns import checked_text

if TYPE_CHECKING:
    from optimem.model.deepseek_ocr.answers import AnswerStream, PageAnswer, PageReader
    from optimem.model.deepseek_ocr.reader import DeepSeekReader


class Compressed(NamedTuple):
    """The file to save, and the report."""

    file: TokenFile
    report: CompressReport


def compress(
    text: str,
    tier: Tier,
    codec: PageCodec | None = None,
    *,
    model: str = NANO,
    progress: Progress | None = None,
) -> Compressed:
    """Encode a text as vision tokens at a tier, with the corrections that the default
    `DecayPolicy` keeps there: at Large, Base and Small every character comes back.

    `model`: as in `OpticalMemory.open`; `codec`: in its place, one that is loaded already.
    `progress`: called with the pages encoded and all pages. Raises InputError for empty text and
    an unknown model, TextError for a string that is not text.
    """
    codec = codec or build.named_codec(model)
    if not checked_text(text):
        raise InputError("there is no text to compress; give at least one character")
    started = time.perf_counter()
    pages, keep = paginate(codec.renderer.cells(text), codec.renderer), DecayPolicy().keep_at(tier)
    written = list(write_pages(pages, tier, codec, partial(kept_cells, keep=keep), progress))
    seconds = time.perf_counter() - started
    complete = keep is Keep.ALL
    file = TokenFile([w.page for w in written], tier, codec.encoder.fingerprint, complete)
    return Compressed(file, _report(text, file, written, seconds))


def read_pages(
    file: TokenFile,
    codec: PageCodec | None = None,
    *,
    model: str = NANO,
    reader: str | None = None,
    pages: Sequence[int] | None = None,
    raw: bool = False,
    progress: Progress | None = None,
) -> Iterator[Reading]:
    """Read a text page by page, with the model that wrote it: `codec`, or the one called `model`.

    `reader`: a vLLM server, such as `vllm+http://host:8000`, that reads pages of a DeepSeek-OCR
    checkpoint in its place; other files need none, and none is asked then. `pages`: which, from 0;
    default all. `raw`: give the likeliest character where one is doubtful, instead of U+FFFD.
    `progress`: called with the pages read and all pages.
    Raises InputError for a page that is not there and an unknown model, FingerprintError for the
    file of another model; for a server, what `VllmReader.answer` raises.
    """
    codec = codec or _file_codec(file, model, reader)
    wanted = select_pages(pages, len(file.pages))
    check_fingerprint(file.fingerprint, codec.encoder.fingerprint, "the tokens of this file")
    readings = read_back(file, wanted, codec, progress)
    return readings if raw else (_marked(reading) for reading in readings)


def is_of_checkpoint(file: TokenFile) -> bool:
    """Whether DeepSeek-OCR wrote a text, so that a server of it may read it."""
    from optimem.model.deepseek_ocr.text_pages import is_ruled

    return is_ruled(file.fingerprint)


def read_page_image(source: str | Path, *, raw: bool = False) -> Reading:
    """Read the image of a dense page that optimem drew; an image has no corrections. `raw`: as in
    `read_pages`. Raises PageError for any other image."""
    from optimem.renderers.images import load_ink

    nano = build.nano()
    reading = nano.renderer.text(nano.read_image(load_ink(Path(source))))
    return reading if raw else _marked(reading)


def compress_images(
    sources: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    model: "str | DeepSeekReader",
    mode: str = "base",
    packing: str = "int8",
    progress: Progress | None = None,
) -> ImagesReport:
    """Encode image files and PDFs, page by page, into one `.omem` file of vision tokens, which
    replaces `out` once it is complete. It holds neither pixels nor text.

    `model`: a DeepSeek-OCR folder or hub name, or a reader that is loaded already. `mode`: tiny,
    small, base, large, gundam or gundam-m. `packing`: bf16, int8 or int4. `progress`: called with
    the pages encoded and all pages.

    Raises InputError for a file that holds no image, a PDF that is locked or empty, an unknown
    mode or packing, and an `out` that cannot be written; StoreFullError; MissingExtraError for a
    PDF without pypdfium2; for the model, what `DeepSeekReader.open` raises.
    """
    from optimem.model.deepseek_ocr.image_archive import write_image_archive
    from optimem.model.deepseek_ocr.images import parse_mode
    from optimem.model.deepseek_ocr.stored_tokens import Packing

    paths = [sources] if isinstance(sources, str | Path) else sources
    return write_image_archive(
        [Path(path) for path in paths],
        Path(out),
        lambda: _reader(model),
        parse_mode(mode),
        Packing.parse(packing),
        progress,
    )


def read_images(
    source: str | Path,
    *,
    model: "str | DeepSeekReader | None" = None,
    reader: "str | PageReader | None" = None,
    question: str | None = None,
    pages: Sequence[int] | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> "Iterator[PageAnswer]":
    """Read a file that `compress_images` wrote, page by page, as Markdown, or answer a question
    about each page, from the stored tokens alone.

    `model`: the one that wrote the file, as there. `reader`: a vLLM server that answers in its
    place, such as `vllm+http://host:8000`, or another `PageReader`; nothing of the checkpoint is
    needed here then. `pages`: which, from 0; default all. `limit`: most tokens of an answer;
    default as many as the model takes, 8,192 with the page. `progress`: called with the pages read
    and all pages. The Markdown of an answer is its `grounded.text`; `complete` says whether the
    model finished it.

    Raises InputError for a file that cannot be opened, a page that is not there, a limit under 1,
    and neither model nor reader; FormatError, VersionError or ChecksumError for a file that is not
    one of images or is damaged, and FingerprintError for the file of another model; for a server,
    what `VllmReader.answer` raises.
    """
    streams = stream_images(
        source, model=model, reader=reader, question=question, pages=pages, limit=limit,
        progress=progress,
    )  # fmt: skip
    return (stream.finish() for stream in streams)


def stream_images(
    source: str | Path,
    *,
    model: "str | DeepSeekReader | None" = None,
    reader: "str | PageReader | None" = None,
    question: str | None = None,
    pages: Sequence[int] | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> "Iterator[AnswerStream]":
    """As `read_images`, each answer piece by piece as it is written: an `AnswerStream` for each
    page, to be read to its end before the next."""
    from optimem.model.deepseek_ocr.generation import GenerationSettings
    from optimem.model.deepseek_ocr.image_archive import stream_image_archive

    settings, prompt = GenerationSettings(limit), _prompt(question)
    archive = ImageArchive.load(Path(source))
    wanted = select_pages(pages, len(archive.pages))
    answers = _page_reader(model, reader)
    answers.check(archive.fingerprint, f"the tokens in {source}")
    return stream_image_archive(archive, answers, prompt, wanted, settings, progress)


def read_document(
    source: str | Path,
    *,
    model: "str | DeepSeekReader",
    reader: "str | PageReader | None" = None,
    mode: str = "base",
    question: str | None = None,
    pages: Sequence[int] | None = None,
    limit: int | None = None,
) -> "Iterator[PageAnswer]":
    """Read an image file, or a PDF page by page, with DeepSeek-OCR, as Markdown, or answer a
    question about each page.

    `model`, `mode`: as in `compress_images`; `reader`: answers in the place of `model`, which then
    only encodes; `pages`, `limit`: as in `read_images`. Raises InputError for a file that holds no
    image, a page that is not there, an unknown mode and a limit under 1; for a server, what
    `VllmReader.answer` raises.
    """
    from optimem.model.deepseek_ocr.images import count_images, open_images, parse_mode
    from optimem.model.deepseek_ocr.reader import settings_for

    path, name, prompt = Path(source), parse_mode(mode).name, _prompt(question)
    wanted = select_pages(pages, count_images(path))
    settings = settings_for(path, limit)
    encoder, answers = _reader(model), _page_reader(model, reader)
    return (
        encoder.read(image, prompt, name, settings, answers) for image in open_images(path, wanted)
    )


def _marked(reading: Reading) -> Reading:
    return replace(reading, text=reading.marked(UNCERTAIN))


def _report(
    text: str, file: TokenFile, written: Sequence[WrittenPage], seconds: float
) -> CompressReport:
    encoded = text.encode()
    misread, left = sum(page.misread for page in written), sum(page.left for page in written)
    pages, tokens = len(file.pages), text_tokens(text)
    return CompressReport(
        tier=file.tier.label,
        pages=pages,
        characters=len(text),
        text_tokens=tokens,
        vision_tokens=pages * file.tier.tokens,
        positions=pages * file.tier.positions,
        ratio=round(tokens / (pages * file.tier.tokens), 2),
        ratio_positions=round(tokens / (pages * file.tier.positions), 2),
        text_bytes=len(encoded),
        zstd_bytes=len(zstd(encoded)),
        stored_bytes=len(file.to_bytes()),
        correction_bytes=sum(len(page.corrections) for page in file.pages),
        accuracy=round(max(1 - misread / len(text), 0.0), 6),
        accuracy_corrected=round(max(1 - left / len(text), 0.0), 6),
        seconds=round(seconds, 3),
    )


def _prompt(question: str | None) -> str:
    from optimem.model.deepseek_ocr import prompts

    return prompts.MARKDOWN if question is None else prompts.ask(question)


def _reader(model: "str | DeepSeekReader") -> "DeepSeekReader":
    """The reader of images called `model`. Raises InputError for optimem-nano."""
    if model == NANO:
        raise InputError(
            f"{NANO} reads only pages that optimem drew; for images give the folder of a "
            f"DeepSeek-OCR checkpoint, or {DEEPSEEK}"
        )
    return build.deepseek_reader(model) if isinstance(model, str) else model


def _file_codec(file: TokenFile, model: str, reader: str | None) -> PageCodec:
    """What reads a text: the model, or the server if the file is a checkpoint's."""
    if reader is None or not is_of_checkpoint(file):
        return build.named_codec(model)
    return build.named_codec(DEEPSEEK if model == NANO else model, reader)


def _page_reader(
    model: "str | DeepSeekReader | None", reader: "str | PageReader | None"
) -> "PageReader":
    """What answers about stored pages. Raises InputError if neither is given."""
    if reader is not None:
        return build.server_reader(reader) if isinstance(reader, str) else reader
    if model is None:
        raise InputError(
            "nothing is named that reads images; give model, a DeepSeek-OCR checkpoint, or reader, "
            "a server such as vllm+http://host:8000"
        )
    return _reader(model)
