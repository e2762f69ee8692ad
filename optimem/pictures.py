"""Pictures in and out: pages of ours as image files, other pictures read by a large model, and
files of pictures.

Like `build`, from which it takes the models, it knows implementations.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from optimem import build
from optimem.compression import Progress
from optimem.errors import InputError
from optimem.model_names import DEEPSEEK, NANO
from optimem.picture_file import PictureFile, PicturesReport
from optimem.protocols import ReadCells

if TYPE_CHECKING:
    from optimem.model.deepseek_ocr.reader import DeepSeekReader, PageAnswer
    from optimem.model.nano import NanoReader


def read_picture(path: Path) -> ReadCells:
    """Read the image of a dense page. Raises PageError for any other image."""
    from optimem.renderers.pictures import load_ink

    nano = cast("build.OnDemand[NanoReader]", build.page_reader().decoder)
    return nano.model.read_image(load_ink(path))


def save_image(ink: NDArray[np.uint8], path: Path) -> None:
    """Write a page's image as a PNG."""
    from optimem.renderers.pictures import save_page

    save_page(ink, path)


def image_data(ink: NDArray[np.uint8]) -> bytes:
    """A page's image as a small PNG of 16 greys."""
    from optimem.renderers.pictures import page_png

    return page_png(ink)


def enlarged(ink: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    """A page's image enlarged by a whole number, smoothly."""
    from optimem.renderers.pictures import enlarge

    return enlarge(ink, times)


def look_at(
    source: Path, *, model: str, mode: str, question: str | None = None, only: int | None = None
) -> "Iterator[tuple[int, PageAnswer]]":
    """What DeepSeek-OCR reads on an image file, or on each page of a PDF (`only` one of them,
    counted from 1), as Markdown; or its answers to a question. Raises InputError for a mode,
    a file or a page that cannot be used."""
    from optimem.model.deepseek_ocr import pictures, prompts
    from optimem.model.deepseek_ocr.modes import parse_mode

    name = parse_mode(mode).name
    prompt = prompts.MARKDOWN if question is None else prompts.ask(question)
    number = 0
    for number, page in enumerate(pictures.open_pictures(source), 1):
        if only in (None, number):
            yield number, build.deepseek_reader(model).read(page, prompt, name)
    if only is not None and only > number:
        raise InputError(f"there is no page {only}; {source} has {number}")


def compress_pictures(
    sources: Path | Sequence[Path],
    out: Path,
    *,
    model: "str | DeepSeekReader",
    mode: str = "base",
    packing: str = "int8",
    progress: Progress | None = None,
) -> PicturesReport:
    """Encode image files and PDFs, page by page, into one `.omem` file of vision tokens, which is
    written whole or not at all, in place of what was there. It holds no pixels and no text.

    `model`: a DeepSeek-OCR folder or hub name, or one that is loaded. `mode`: tiny, small, base,
    large, gundam or gundam-m. `packing`: bf16, int8 or int4. `progress`: called with pages done
    and pages in all. Raises InputError for a file that is no picture, a PDF that is locked or
    empty, an unknown mode or packing and an `out` that cannot be written; StoreFullError;
    MissingExtraError for a PDF without pypdfium2; for the model's errors see `deepseek_reader`.
    """
    from optimem.model.deepseek_ocr.filing import file_pictures, parse_packing
    from optimem.model.deepseek_ocr.modes import parse_mode

    paths = [sources] if isinstance(sources, Path) else sources
    looked, packed = parse_mode(mode), parse_packing(packing)
    return file_pictures(paths, out, lambda: _looking(model), looked, packed, progress)


def read_pictures(
    source: Path,
    *,
    model: "str | DeepSeekReader",
    question: str | None = None,
    pages: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> "Iterator[PageAnswer]":
    """What a model reads in a file that `compress_pictures` wrote, page by page, as Markdown, or
    its answers to a question, from the stored tokens alone.

    `model`: the one that wrote the file, as there. `pages`: which, from 0; default all of them.
    An answer says whether it is `complete`; its `grounded.text` is the Markdown. Raises InputError
    for a page that is not there, FormatError, VersionError or ChecksumError for a file that is none
    or is damaged, and FingerprintError for one of another model.
    """
    from optimem.model.deepseek_ocr import prompts
    from optimem.model.deepseek_ocr.filing import answers_from

    file = PictureFile.open(source)
    wanted = range(len(file.places)) if pages is None else pages
    for index in wanted:
        file.check_page(index)
    prompt = prompts.MARKDOWN if question is None else prompts.ask(question)
    return answers_from(file, _looking(model), prompt, wanted, progress)


def _looking(model: "str | DeepSeekReader") -> "DeepSeekReader":
    """The reader of pictures meant by `model`. Raises InputError for the one that is none."""
    if model == NANO:
        raise InputError(
            f"{NANO} reads only pages that optimem drew; for pictures name a folder of "
            f"DeepSeek-OCR, or {DEEPSEEK}"
        )
    return build.deepseek_reader(model) if isinstance(model, str) else model
