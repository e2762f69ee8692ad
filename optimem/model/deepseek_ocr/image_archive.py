"""Archives of images: files to vision tokens, image by image, and an archive to answers.

Opening files is `images`' affair, packing values `stored_tokens`', and the bytes of the archive
`omem.images`'.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from optimem.errors import InputError
from optimem.model.deepseek_ocr.answers import AnswerStream, PageReader
from optimem.model.deepseek_ocr.generation import GenerationSettings
from optimem.model.deepseek_ocr.images import Mode, count_images, open_images
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from optimem.omem.atomic import atomic_write
from optimem.omem.images import ImageArchive, ImageArchiveWriter
from optimem.protocols import Progress
from optimem.reports import ImagesReport


def write_image_archive(
    sources: Sequence[Path],
    out: Path,
    load: Callable[[], DeepSeekReader],
    mode: Mode,
    packing: Packing,
    progress: Progress | None = None,
) -> ImagesReport:
    """Encode the images of files, one by one, into an archive; see `optimem.compress_images`.
    `load` makes the reader; it is called once all sources are found to hold images and `out` can
    be written."""
    count = sum(_count_images(source, out) for source in sources)
    if not count:
        raise InputError("there is nothing to compress; give at least one image")
    with atomic_write(out) as file:
        reader, totals = load(), ArchiveTotals()
        started = time.perf_counter()
        writer = ImageArchiveWriter(
            file, encoder=reader.fingerprint, mode=mode.name, packing=packing.value
        )
        for source in sources:
            for image in open_images(source):
                (page,) = reader.encode([image], mode)
                data = page.to_bytes(packing)
                writer.add(data)
                totals.add(page, data, mode)
                if progress:
                    progress(totals.pages, count)
        stored_bytes = writer.finish()
    return ImagesReport(
        encoder=reader.fingerprint,
        mode=mode.name,
        packing=packing.value,
        pages=totals.pages,
        vision_tokens=totals.vision_tokens,
        valid_tokens=totals.valid_tokens,
        positions=totals.positions,
        source_bytes=sum(source.stat().st_size for source in sources),
        stored_bytes=stored_bytes,
        packing_error=round(totals.packing_error, 6),
        seconds=round(time.perf_counter() - started, 3),
    )


def stream_image_archive(
    archive: ImageArchive,
    reader: PageReader,
    prompt: str,
    pages: Sequence[int],
    settings: GenerationSettings | None = None,
    progress: Progress | None = None,
) -> Iterator[AnswerStream]:
    """The answers to a prompt about pages of an archive, one after another, as they are written."""
    stored = (StoredPage.from_bytes(archive.page(index)) for index in pages)
    for done, stream in enumerate(reader.streams(stored, prompt, settings), 1):
        yield stream
        if progress:
            progress(done, len(pages))


@dataclass
class ArchiveTotals:
    """What the pages of an archive add up to. `noise`, `power`: sums of the squares of what
    packing changed, and of the tokens."""

    pages: int = 0
    vision_tokens: int = 0
    valid_tokens: int = 0
    positions: int = 0
    noise: float = 0.0
    power: float = 0.0

    def add(self, page: StoredPage, data: bytes, mode: Mode) -> None:
        """Add a page. `data`: the same, packed."""
        tokens = page.tokens.detach().cpu().double()
        change = StoredPage.from_bytes(data).tokens.double() - tokens
        self.pages += 1
        self.vision_tokens += page.vision_tokens
        self.valid_tokens += (
            page.vision_tokens if mode.tile else mode.valid_tokens(page.width, page.height)
        )
        self.positions += len(tokens)
        self.noise += float(change.square().sum())
        self.power += float(tokens.square().sum())

    @property
    def packing_error(self) -> float:
        """RMS of what packing changed, relative to that of the tokens."""
        return (self.noise / self.power) ** 0.5 if self.power else 0.0


def _count_images(source: Path, out: Path) -> int:
    """The number of images in a file. Raises InputError if `out` would replace it."""
    count = count_images(source)
    if out.exists() and out.samefile(source):
        raise InputError(f"{out} would be written over itself; name another file")
    return count
