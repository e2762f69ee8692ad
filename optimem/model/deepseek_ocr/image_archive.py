"""DeepSeek-OCR and files of images: images to an archive of vision tokens, page by page, and
such an archive to answers.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from optimem.errors import InputError
from optimem.model.deepseek_ocr.images import (
    PLAIN_RESIZE,
    Mode,
    count_images,
    open_images,
    valid_tokens,
)
from optimem.model.deepseek_ocr.reader import DeepSeekReader, PageAnswer
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from optimem.omem.atomic import atomic_write
from optimem.omem.images import ImageArchive, ImageArchiveWriter, ImagesReport
from optimem.protocols import Progress, check_fingerprint


def parse_packing(name: str) -> Packing:
    """The packing called `name`, in any case. Raises InputError for an unknown one."""
    try:
        return Packing(name.strip().lower())
    except ValueError:
        known = ", ".join(Packing)
        raise InputError(f"no packing is called {name!r}; choose one of {known}") from None


@dataclass
class Tally:
    """What the pages of a file have come to so far. `noise`, `power`: sums of the squares of
    what packing changed, and of the tokens."""

    mode: Mode
    pages: int = 0
    vision_tokens: int = 0
    valid_tokens: int = 0
    positions: int = 0
    noise: float = 0.0
    power: float = 0.0

    def add(self, page: StoredPage, data: bytes) -> None:
        """A page, and the same as it was packed."""
        tokens = page.tokens.detach().cpu().double()
        changed = StoredPage.from_bytes(data).tokens.double() - tokens
        padded = not self.mode.tile and self.mode.base > PLAIN_RESIZE
        valid = valid_tokens(self.mode, page.width, page.height) if padded else page.vision_tokens
        self.pages += 1
        self.vision_tokens += page.vision_tokens
        self.valid_tokens += valid
        self.positions += len(tokens)
        self.noise += float(changed.square().sum())
        self.power += float(tokens.square().sum())

    @property
    def error(self) -> float:
        """Root of the mean square that packing changed, relative to that of the tokens."""
        return (self.noise / self.power) ** 0.5 if self.power else 0.0


def write_image_archive(
    sources: Sequence[Path],
    out: Path,
    load: Callable[[], DeepSeekReader],
    mode: Mode,
    packing: Packing,
    progress: Progress | None = None,
) -> ImagesReport:
    """Encode images into a file; see `optimem.compress_images`. `load` is called once all
    files are found to be images and `out` can be written."""
    total = sum(_counted(source, out) for source in sources)
    if not total:
        raise InputError("there is nothing to compress; give at least one image")
    with atomic_write(out) as file:
        reader, tally = load(), Tally(mode)
        started = time.perf_counter()
        writer = ImageArchiveWriter(
            file, encoder=reader.fingerprint, mode=mode.name, packing=packing.value
        )
        for image in chain.from_iterable(map(open_images, sources)):
            (page,) = reader.encode([image], mode)
            data = page.to_bytes(packing)
            writer.add(data)
            tally.add(page, data)
            if progress:
                progress(tally.pages, total)
        stored = writer.finish()
    seconds = time.perf_counter() - started
    return ImagesReport(
        encoder=reader.fingerprint,
        mode=mode.name,
        packing=packing.value,
        pages=tally.pages,
        vision_tokens=tally.vision_tokens,
        valid_tokens=tally.valid_tokens,
        positions=tally.positions,
        source_bytes=sum(source.stat().st_size for source in sources),
        stored_bytes=stored,
        packing_error=round(tally.error, 6),
        seconds=round(seconds, 3),
    )


def _counted(source: Path, out: Path) -> int:
    """How many images a file has. Raises InputError if it would be written over."""
    pages = count_images(source)
    if os.path.exists(out) and out.samefile(source):
        raise InputError(f"{out} would be written over itself; name another file")
    return pages


def answers_from(
    file: ImageArchive,
    reader: DeepSeekReader,
    prompt: str,
    pages: Sequence[int],
    progress: Progress | None = None,
) -> Iterator[PageAnswer]:
    """What a model says of stored pages, one after another. Raises FingerprintError for the
    file of another encoder, before the first."""
    check_fingerprint(file.fingerprint, reader.fingerprint, f"the tokens in {file.path}")
    return _answers(file, reader, prompt, pages, progress)


def _answers(
    file: ImageArchive,
    reader: DeepSeekReader,
    prompt: str,
    pages: Sequence[int],
    progress: Progress | None,
) -> Iterator[PageAnswer]:
    for done, index in enumerate(pages, 1):
        yield from reader.answer([StoredPage.from_bytes(file.page(index))], prompt)
        if progress:
            progress(done, len(pages))
