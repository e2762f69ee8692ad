"""The composition root: which renderer, model and store a memory is made of.

The only module that knows implementations; everything else knows protocols.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeGuard, TypeVar

from optimem.errors import InputError
from optimem.memory.caching import CachingDecoder
from optimem.model import DEEPSEEK, NANO
from optimem.protocols import (
    Decoder,
    Encoder,
    ImageAnswer,
    ImageReader,
    ImageReading,
    Page,
    PageCodec,
    ReadCells,
    Store,
    VisionTokens,
)
from optimem.tiers import Tier

if TYPE_CHECKING:
    from optimem.model.deepseek_ocr.reader import DeepSeekReader
    from optimem.model.deepseek_ocr.text_pages import DeepSeekPages
    from optimem.model.nano.page_codec import NanoReader
    from optimem.prompts.pages import PageDrawer, PageImage
    from optimem.prompts.rules import PageShape
    from optimem.renderers.dense import DenseRenderer
    from optimem.turns import Turn

STORE_VARIABLE = "OPTIMEM_STORE"
STORE_FILE = "memory.db"
HUB_PATTERN = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


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
def nano_codec() -> PageCodec:
    """The dense renderer and the shipped `optimem-nano`; one for the whole process."""
    nano = OnDemand(nano_reader)
    return PageCodec(_dense_renderer(), nano, nano)


@cache
def nano_reader() -> "NanoReader":
    """The shipped `optimem-nano`, which also reads the images of pages; loads torch."""
    from optimem.model.nano.page_codec import NanoReader

    return NanoReader(_dense_renderer())


@cache
def _dense_renderer() -> "DenseRenderer":
    from optimem.renderers.dense import DenseRenderer

    return DenseRenderer()


@cache
def ruled_codec(model: str) -> PageCodec:
    """The ruled renderer and a DeepSeek-OCR checkpoint that reads its pages."""
    from optimem.renderers.ruled import RuledRenderer

    pages = OnDemand(lambda: _deepseek_pages(model))
    return PageCodec(RuledRenderer(), pages, pages)


def _deepseek_pages(model: str) -> "DeepSeekPages":
    from optimem.model.deepseek_ocr.text_pages import DeepSeekPages

    return DeepSeekPages(deepseek_reader(model))


def caching(codec: PageCodec) -> PageCodec:
    """A codec that does not decode again what it read a short while ago."""
    return codec._replace(decoder=CachingDecoder(codec.decoder))


def named_codec(name: str) -> PageCodec:
    """What draws and reads text pages for the model called so: `optimem-nano`, or a DeepSeek-OCR
    folder or hub name, which is loaded at its first use. Raises InputError for what is neither."""
    if name == NANO:
        return nano_codec()
    if not (name and Path(name).expanduser().is_dir()) and not HUB_PATTERN.fullmatch(name):
        raise InputError(
            f"no model is called {name!r}; choose {NANO}, or the folder or hub name of a "
            f"DeepSeek-OCR checkpoint, such as {DEEPSEEK}"
        )
    return ruled_codec(name)


def default_store() -> str:
    """`OPTIMEM_STORE`, else a file in the user's data folder, which is made."""
    named = os.environ.get(STORE_VARIABLE)
    if named:
        return named
    from platformdirs import user_data_path

    return str(user_data_path("optimem", ensure_exists=True) / STORE_FILE)


def store_at(place: "str | Path | Store | Any | None" = None) -> Store:
    """The store that `OpticalMemory.open` would use; one that is given is returned as it is."""
    return place if _is_store(place) else _opened(place)


def _opened(address: "str | Path | Any | None") -> Store:
    from optimem.store import open_store

    return open_store(default_store() if address is None else address)


def _is_store(given: object) -> TypeGuard[Store]:
    """Whether an object is a `Store` already, rather than an address or a client."""
    return all(callable(getattr(given, name, None)) for name in ("commit", "peek_due", "usage"))


@cache
def deepseek_reader(model: str) -> "DeepSeekReader":
    """A DeepSeek-OCR checkpoint, loaded once. Raises InputError, FormatError or
    MissingExtraError; see `DeepSeekReader.open`."""
    from optimem.model.deepseek_ocr.reader import DeepSeekReader

    return DeepSeekReader.open(model)


class LazyImageReader:
    """A DeepSeek-OCR checkpoint, by its name, as a memory's reader of images; opening a memory
    does not load it."""

    def __init__(self, model: str) -> None:
        self._name = model

    @cached_property
    def reader(self) -> ImageReader:
        """The reader itself."""
        from optimem.model.deepseek_ocr.image_reader import DeepSeekImageReader

        return DeepSeekImageReader(deepseek_reader(self._name))

    def look(self, source: Path, known: Callable[[str], bool]) -> Iterator[ImageReading]:
        """See `ImageReader`."""
        return self.reader.look(source, known)

    def ask(self, tokens: bytes, question: str) -> ImageAnswer:
        """See `ImageReader`."""
        return self.reader.ask(tokens, question)


def page_drawer() -> "PageDrawer":
    """Draws turns as readable pages for large vision models; remembers what it drew last."""
    return lambda turns, shape, size: list(_prompt_pages(tuple(turns), shape, size))


@lru_cache(maxsize=16)
def _prompt_pages(
    turns: "tuple[Turn, ...]", shape: "PageShape", size: int
) -> "tuple[PageImage, ...]":
    from optimem.prompts.pages import PageImage, TextPosition
    from optimem.renderers.images import readable_png
    from optimem.renderers.readable import ReadableStyle, render_pages

    style = ReadableStyle.dense(shape.width, shape.height, size)
    made = []
    for page in render_pages(turns, style):
        shown = page.trimmed(style.margin) if shape.trim else page.pixels
        last = page.spans[-1]
        png, end = readable_png(shown), TextPosition(last.turn, last.end)
        made.append(PageImage(shown.shape[1], shown.shape[0], png, end, size))
    return tuple(made)
