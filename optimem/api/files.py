"""Files: text and images to `.omem` files of vision tokens, back again, and what it costs."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel

from optimem import build
from optimem.errors import InputError
from optimem.model import DEEPSEEK, NANO
from optimem.omem.container import compress as zstd
from optimem.omem.images import ImageArchive, ImagesReport
from optimem.omem.text import TokenFile, decode_pages, encode_pages, paginate, select_pages
from optimem.protocols import (
    Cells,
    PageCodec,
    Progress,
    ReadCells,
    Reading,
    VisionTokens,
    check_fingerprint,
)
from optimem.text.tokens import text_tokens
from optimem.tiers import Tier
from optimem.turns import checked_text

if TYPE_CHECKING:
    from optimem.model.deepseek_ocr.reader import DeepSeekReader, PageAnswer


class CompressReport(BaseModel):
    """What compressing a text came to.

    `text_tokens`: by DeepSeek's tokenizer. `vision_tokens`: as the paper counts, full pages.
    `positions`: what a causal decoder pays for them, newlines and separators included.
    `ratio`, `ratio_positions`: text tokens by each. `text_bytes`: UTF-8. `zstd_bytes`: the
    text under zstd level 19. `stored_bytes`: the whole file. `accuracy`: 1 − cells that read
    back wrong for each character, at least 0. `seconds`: drawing and encoding.
    """

    tier: str
    pages: int
    characters: int
    text_tokens: int
    vision_tokens: int
    positions: int
    ratio: float
    ratio_positions: float
    text_bytes: int
    zstd_bytes: int
    stored_bytes: int
    accuracy: float
    seconds: float


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
    """Encode a text as vision tokens at a tier.

    `model`: as in `OpticalMemory.open`; `codec` in its place is one that was made already.
    `progress`: called with pages encoded and pages in all. Raises InputError for empty text and
    for an unknown model, TextError for a string that is not text.
    """
    codec = codec or build.named_codec(model)
    if not checked_text(text):
        raise InputError("there is no text to compress; give at least one character")
    started = time.perf_counter()
    pages = paginate(codec.renderer.cells(text), codec.renderer)
    tokens = encode_pages(pages, tier, codec, progress)
    seconds = time.perf_counter() - started
    file = TokenFile(tokens, tier, codec.encoder.fingerprint)
    accuracy = max(1 - _wrong(pages, tokens, codec) / len(text), 0.0)
    return Compressed(file, _report(text, file, accuracy, seconds))


def _wrong(pages: Sequence[Cells], tokens: Sequence[VisionTokens], codec: PageCodec) -> int:
    """Cells that read back wrong."""
    read = codec.decoder.read(tokens)
    return sum(int((r.ids != cells).sum()) for r, cells in zip(read, pages, strict=True))


def _report(text: str, file: TokenFile, accuracy: float, seconds: float) -> CompressReport:
    encoded = text.encode()
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
        accuracy=round(accuracy, 6),
        seconds=round(seconds, 3),
    )


def read_pages(
    file: TokenFile,
    codec: PageCodec | None = None,
    *,
    model: str = NANO,
    pages: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Iterator[Reading]:
    """Read a text page by page with the model that wrote it: `codec`, or the one called `model`.

    `pages`: which, from 0; default all of them. `progress`: called with pages read and pages in
    all. Raises InputError for a page that is not there and for an unknown model, FingerprintError
    for the file of another model.
    """
    codec = codec or build.named_codec(model)
    wanted = [file.pages[index] for index in select_pages(pages, len(file.pages))]
    check_fingerprint(file.fingerprint, codec.encoder.fingerprint, "the tokens of this file")
    return decode_pages(wanted, codec, progress)


def read_page_image(path: Path) -> ReadCells:
    """Read the image of a dense page that optimem drew. Raises PageError for any other image."""
    from optimem.renderers.images import load_ink

    return build.nano().read_image(load_ink(path))


def read_document(
    source: Path, *, model: str, mode: str, question: str | None = None, only: int | None = None
) -> "Iterator[tuple[int, PageAnswer]]":
    """What DeepSeek-OCR reads on an image file, or on each page of a PDF (`only` one of them,
    counted from 1), as Markdown; or its answers to a question. Raises InputError for a mode,
    a file or a page that cannot be used."""
    from optimem.model.deepseek_ocr import images, prompts
    from optimem.model.deepseek_ocr.images import parse_mode

    name = parse_mode(mode).name
    prompt = prompts.MARKDOWN if question is None else prompts.ask(question)
    number = 0
    for number, page in enumerate(images.open_images(source), 1):
        if only in (None, number):
            yield number, build.deepseek_reader(model).read(page, prompt, name)
    if only is not None and only > number:
        raise InputError(f"there is no page {only}; {source} has {number}")


def compress_images(
    sources: Path | Sequence[Path],
    out: Path,
    *,
    model: "str | DeepSeekReader",
    mode: str = "base",
    packing: str = "int8",
    progress: Progress | None = None,
) -> ImagesReport:
    """Encode image files and PDFs, page by page, into one `.omem` file of vision tokens, which is
    written whole or not at all, in place of what was there. It holds no pixels and no text.

    `model`: a DeepSeek-OCR folder or hub name, or one that is loaded. `mode`: tiny, small, base,
    large, gundam or gundam-m. `packing`: bf16, int8 or int4. `progress`: called with pages done
    and pages in all. Raises InputError for a file that is no image, a PDF that is locked or
    empty, an unknown mode or packing and an `out` that cannot be written; StoreFullError;
    MissingExtraError for a PDF without pypdfium2; for the model's errors see `deepseek_reader`.
    """
    from optimem.model.deepseek_ocr.image_archive import parse_packing, write_image_archive
    from optimem.model.deepseek_ocr.images import parse_mode

    paths = [sources] if isinstance(sources, Path) else sources
    looked, packed = parse_mode(mode), parse_packing(packing)
    return write_image_archive(paths, out, lambda: _looking(model), looked, packed, progress)


def read_images(
    source: Path,
    *,
    model: "str | DeepSeekReader",
    question: str | None = None,
    pages: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> "Iterator[PageAnswer]":
    """What a model reads in a file that `compress_images` wrote, page by page, as Markdown, or
    its answers to a question, from the stored tokens alone.

    `model`: the one that wrote the file, as there. `pages`: which, from 0; default all of them.
    An answer says whether it is `complete`; its `grounded.text` is the Markdown. Raises InputError
    for a page that is not there, FormatError, VersionError or ChecksumError for a file that is none
    or is damaged, and FingerprintError for one of another model.
    """
    from optimem.model.deepseek_ocr import prompts
    from optimem.model.deepseek_ocr.image_archive import answers_from

    file = ImageArchive.load(source)
    wanted = select_pages(pages, len(file.pages))
    prompt = prompts.MARKDOWN if question is None else prompts.ask(question)
    return answers_from(file, _looking(model), prompt, wanted, progress)


def _looking(model: "str | DeepSeekReader") -> "DeepSeekReader":
    """The reader of images meant by `model`. Raises InputError for the one that is none."""
    if model == NANO:
        raise InputError(
            f"{NANO} reads only pages that optimem drew; for images name a folder of "
            f"DeepSeek-OCR, or {DEEPSEEK}"
        )
    return build.deepseek_reader(model) if isinstance(model, str) else model
