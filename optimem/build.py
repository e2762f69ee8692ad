"""The composition root: which renderer, model and store a memory is made of.

The only module that knows implementations; everything else knows protocols.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeGuard, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from optimem.compression import PageReader, Progress
from optimem.decay import DecayPolicy
from optimem.errors import InputError
from optimem.memory import OpticalMemory
from optimem.picture_file import PictureFile, PicturesReport
from optimem.protocols import (
    Clock,
    Decoder,
    Encoder,
    Page,
    PictureReader,
    ReadCells,
    Said,
    Seen,
    Store,
    VisionTokens,
)
from optimem.rereading import RereadingDecoder
from optimem.tiers import Tier

if TYPE_CHECKING:
    from optimem.model.deepseek_ocr.pages import DeepSeekPages
    from optimem.model.deepseek_ocr.reader import DeepSeekReader, PageAnswer
    from optimem.model.nano import NanoReader
    from optimem.prompts.drawing import PageDrawer, PageImage
    from optimem.prompts.rules import PageShape
    from optimem.renderers.dense import DenseRenderer
    from optimem.turns import Turn

NANO = "optimem-nano"
READ_ANYTHING_ERROR = 0.03
"""`write_error` of a memory whose pages a model reads freely: it is right in 97 of 100 characters
where `optimem-nano` is in 998 of 1,000 (arXiv 2510.18234, table 2), and what it misread when a
page was written is marked."""
STORE_VARIABLE = "OPTIMEM_STORE"
STORE_FILE = "memory.db"
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


class PageModel(Encoder, Decoder, Protocol):
    """One object that encodes and reads."""


Model = TypeVar("Model", bound=PageModel)


class OnDemand(Generic[Model]):
    """An encoder and decoder that is made at its first use: appending, counting and forgetting a
    scope need no model, and torch takes seconds to load."""

    def __init__(self, make: Callable[[], Model]) -> None:
        self._make = make

    @cached_property
    def model(self) -> Model:
        """The model itself."""
        return self._make()

    @property
    def fingerprint(self) -> str:
        """See `Encoder`."""
        return self.model.fingerprint

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        """See `Encoder`."""
        return self.model.encode(pages, tier)

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        """See `Decoder`."""
        return self.model.read(tokens)


@cache
def page_reader() -> PageReader:
    """The dense renderer and the shipped `optimem-nano`; one for the whole process."""
    from optimem.renderers.dense import DenseRenderer

    renderer = DenseRenderer()
    nano = OnDemand(lambda: _nano(renderer))
    return PageReader(renderer, nano, nano)


def _nano(renderer: "DenseRenderer") -> "NanoReader":
    from optimem.model.nano import NanoReader

    return NanoReader(renderer)


@cache
def ruled_page_reader(model: str) -> PageReader:
    """The ruled renderer and a DeepSeek-OCR checkpoint that reads its pages."""
    from optimem.renderers.ruled import RuledRenderer

    pages = OnDemand(lambda: _deepseek_pages(model))
    return PageReader(RuledRenderer(), pages, pages)


def _deepseek_pages(model: str) -> "DeepSeekPages":
    from optimem.model.deepseek_ocr.pages import DeepSeekPages

    return DeepSeekPages(deepseek_reader(model))


def remembering(reader: PageReader) -> PageReader:
    """A reader that does not decode again what it read a short while ago."""
    return reader._replace(decoder=RereadingDecoder(reader.decoder))


def named_reader(name: str) -> PageReader:
    """What draws and reads text pages for the model called so: `optimem-nano`, or a DeepSeek-OCR
    folder or hub name, which is loaded at its first use. Raises InputError for what is neither."""
    if name == NANO:
        return page_reader()
    if not (name and Path(name).expanduser().is_dir()) and not HUB_NAME.fullmatch(name):
        raise InputError(
            f"no model is called {name!r}; choose {NANO}, or the folder or hub name of a "
            "DeepSeek-OCR checkpoint, such as deepseek-ai/DeepSeek-OCR"
        )
    return ruled_page_reader(name)


def default_store() -> str:
    """`OPTIMEM_STORE`, else a file in the user's data folder, which is made."""
    named = os.environ.get(STORE_VARIABLE)
    if named:
        return named
    from platformdirs import user_data_path

    return str(user_data_path("optimem", ensure_exists=True) / STORE_FILE)


def open_memory(
    store: "str | Path | Store | Any | None" = None,
    *,
    policy: DecayPolicy | None = None,
    clock: Clock = time.time,
    model: str = NANO,
    reader: PageReader | None = None,
    pictures: str | PictureReader | None = None,
) -> OpticalMemory:
    """See `OpticalMemory.open`."""
    if model != NANO:
        if reader is not None:
            raise InputError(f"give a reader or the model {model!r}, not both")
        policy = policy or DecayPolicy(write_error=READ_ANYTHING_ERROR)
        pictures = pictures or model
    reader = reader or remembering(named_reader(model))
    opened = store_at(store)
    return OpticalMemory(
        opened,
        reader,
        policy=policy,
        clock=clock,
        pictures=PicturesOnDemand(pictures) if isinstance(pictures, str) else pictures,
        owns_store=opened is not store,
    )


def store_at(place: "str | Path | Store | Any | None" = None) -> Store:
    """The store that `OpticalMemory.open` would use; one that is given is returned as it is."""
    return place if _is_store(place) else _opened(place)


def _opened(address: "str | Path | Any | None") -> Store:
    from optimem.store import open_store

    return open_store(default_store() if address is None else address)


def _is_store(given: object) -> TypeGuard[Store]:
    """Whether an object is a `Store` already, rather than an address or a client."""
    return all(callable(getattr(given, name, None)) for name in ("commit", "overdue", "usage"))


@cache
def deepseek_reader(model: str) -> "DeepSeekReader":
    """A DeepSeek-OCR checkpoint, loaded once. Raises InputError, FormatError or
    MissingExtraError; see `DeepSeekReader.open`."""
    from optimem.model.deepseek_ocr.reader import DeepSeekReader

    return DeepSeekReader.open(model)


class PicturesOnDemand:
    """A DeepSeek-OCR checkpoint, by its name, as a memory's reader of pictures; opening a memory
    does not load it."""

    def __init__(self, model: str) -> None:
        self._name = model

    @cached_property
    def reader(self) -> PictureReader:
        """The reader itself."""
        from optimem.model.deepseek_ocr.looking import DeepSeekPictures

        return DeepSeekPictures(deepseek_reader(self._name))

    def look(self, source: Path, known: Callable[[str], bool]) -> Iterator[Seen]:
        """See `PictureReader`."""
        return self.reader.look(source, known)

    def ask(self, tokens: bytes, question: str) -> Said:
        """See `PictureReader`."""
        return self.reader.ask(tokens, question)


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
            yield number, deepseek_reader(model).read(page, prompt, name)
    if only is not None and only > number:
        raise InputError(f"there is no page {only}; {source} has {number}")


def read_picture(path: Path) -> ReadCells:
    """Read the image of a dense page. Raises PageError for any other image."""
    from optimem.renderers.pictures import load_ink

    nano = cast("OnDemand[NanoReader]", page_reader().decoder)
    return nano.model.read_image(load_ink(path))


def save_image(ink: NDArray[np.uint8], path: Path) -> None:
    """Write a page's image as a PNG."""
    from optimem.renderers.pictures import save_page

    save_page(ink, path)


def image_data(ink: NDArray[np.uint8]) -> bytes:
    """A page's image as a small PNG of 16 greys."""
    from optimem.renderers.pictures import page_png

    return page_png(ink)


def page_drawer() -> "PageDrawer":
    """Draws turns as readable pages for large vision models; remembers what it drew last."""
    return lambda turns, shape, size: list(_prompt_pages(tuple(turns), shape, size))


@lru_cache(maxsize=16)
def _prompt_pages(
    turns: "tuple[Turn, ...]", shape: "PageShape", size: int
) -> "tuple[PageImage, ...]":
    from optimem.prompts.drawing import PageImage, Place
    from optimem.renderers.pictures import readable_png
    from optimem.renderers.readable import ReadableStyle, render_pages

    style = ReadableStyle.dense(shape.width, shape.height, size)
    made = []
    for page in render_pages(turns, style):
        shown = page.trimmed(style.margin) if shape.trim else page.pixels
        last = page.spans[-1]
        png, end = readable_png(shown), Place(last.turn, last.end)
        made.append(PageImage(shown.shape[1], shown.shape[0], png, end, size))
    return tuple(made)


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
            "DeepSeek-OCR, or deepseek-ai/DeepSeek-OCR"
        )
    return deepseek_reader(model) if isinstance(model, str) else model
