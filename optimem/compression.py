"""Text to a file of vision tokens, and back, with what it costs.

Uses the renderer, encoder and decoder it is given; knows no model.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import zstandard
from pydantic import BaseModel

from optimem.counting import text_tokens
from optimem.errors import FingerprintError, InputError
from optimem.protocols import Cells, Decoder, Encoder, Reading, Renderer, VisionTokens
from optimem.tiers import Tier
from optimem.token_file import TokenFile, text_check
from optimem.turns import checked_text

BATCH = 8  # pages drawn and encoded between two steps of the progress bar
ZSTD_LEVEL = 19

Progress = Callable[[int, int], None]
"""Called with pages done and pages in all."""


class PageReader(NamedTuple):
    """The three that make a page readable; encoder and decoder are often one object."""

    renderer: Renderer
    encoder: Encoder
    decoder: Decoder


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


def paginate(cells: Cells, renderer: Renderer) -> list[Cells]:
    """Cells cut into pages, never inside a character."""
    pages = []
    while len(cells):
        end = renderer.split(cells, renderer.capacity)
        pages.append(cells[:end])
        cells = cells[end:]
    return pages


def compress(
    text: str, tier: Tier, reader: PageReader, progress: Progress | None = None
) -> Compressed:
    """Vision tokens of a text at a tier. Raises InputError for empty text, TextError for
    what is no text."""
    if not checked_text(text):
        raise InputError("there is no text to compress; give at least one character")
    started = time.perf_counter()
    pages = paginate(reader.renderer.cells(text), reader.renderer)
    tokens: list[VisionTokens] = []
    for start in range(0, len(pages), BATCH):
        drawn = [reader.renderer.page(cells) for cells in pages[start : start + BATCH]]
        tokens += reader.encoder.encode(drawn, tier)
        if progress:
            progress(len(tokens), len(pages))
    seconds = time.perf_counter() - started
    file = TokenFile(tokens, tier, reader.encoder.fingerprint, text_check(text))
    accuracy = max(1 - _wrong(pages, tokens, reader) / len(text), 0.0)
    return Compressed(file, _report(text, file, accuracy, seconds))


def _wrong(pages: Sequence[Cells], tokens: Sequence[VisionTokens], reader: PageReader) -> int:
    """Cells that read back wrong."""
    read = reader.decoder.read(tokens)
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
        zstd_bytes=len(zstandard.compress(encoded, ZSTD_LEVEL)),
        stored_bytes=len(file.to_bytes()),
        accuracy=round(accuracy, 6),
        seconds=round(seconds, 3),
    )


def read_pages(
    file: TokenFile,
    reader: PageReader,
    pages: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Iterator[Reading]:
    """Read a file page by page. `pages`: which, from 0; default all of them. Raises
    InputError for a page that is not there, FingerprintError for another encoder's file."""
    wanted = range(len(file.pages)) if pages is None else pages
    for index in wanted:
        if not 0 <= index < len(file.pages):
            raise InputError(f"there is no page {index + 1}; the file has {len(file.pages)}")
    if file.fingerprint != reader.encoder.fingerprint:
        raise FingerprintError(
            f"this .omem file was written by {file.fingerprint!r}, the model here is "
            f"{reader.encoder.fingerprint!r}; read it with the model that wrote it (--model)"
        )
    for start in range(0, len(wanted), BATCH):
        batch = [file.pages[index] for index in wanted[start : start + BATCH]]
        for cells in reader.decoder.read(batch):
            yield reader.renderer.text(cells)
        if progress:
            progress(min(start + BATCH, len(wanted)), len(wanted))
