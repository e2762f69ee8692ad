"""The composition root: what a memory is made of, by name.

The only module that knows which renderer, model and store stand behind the protocols. Renderers
and models are imported when they are asked for: opening a memory loads no model, and only a
model loads torch.
"""

import os
import re
from collections.abc import Sequence
from functools import cache, lru_cache, partial
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from platformdirs import user_data_path

from optimem.errors import InputError
from optimem.memory.caching import CachingDecoder
from optimem.model import DEEPSEEK, MINILM, NANO
from optimem.protocols import Box, ImageReader, KeyProvider, PageCodec, Store
from optimem.store import check_exists, open_store
from optimem.store.keys import environment_keys
from optimem.store.sealed import seal_store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from optimem.memory.recall.embedding import Embeddings
    from optimem.model.deepseek_ocr.reader import DeepSeekReader
    from optimem.model.nano.page_codec import NanoCodec
    from optimem.model.vllm.reader import VllmReader
    from optimem.prompts.pages import PageDrawer, PageImage
    from optimem.prompts.rules import PageShape
    from optimem.turns import Turn

STORE_VARIABLE = "OPTIMEM_STORE"
STORE_FILE = "memory.db"
EMBEDDINGS_VARIABLE = "OPTIMEM_EMBEDDINGS"
WEIGHTS = ".zst"
"""How the name of a weights file ends."""
HUB_PATTERN = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def named_codec(name: str, reader: str | None = None) -> PageCodec:
    """The codec of a model: `optimem-nano`, or the folder or hub name of a DeepSeek-OCR
    checkpoint, whose pages the server `reader` reads if one is given. Raises InputError for any
    other name."""
    if name == NANO:
        return nano_codec()
    if not (name and Path(name).expanduser().is_dir()) and not HUB_PATTERN.fullmatch(name):
        raise InputError(
            f"no model is called {name!r}; choose {NANO}, or the folder or hub name of a "
            f"DeepSeek-OCR checkpoint, such as {DEEPSEEK}"
        )
    return ruled_codec(name, reader)


def nano_codec() -> PageCodec:
    """Dense pages, drawn by us and read by the shipped `optimem-nano`."""
    return PageCodec(nano().renderer, nano(), nano())


def old_codec(source: "str | Path | PageCodec") -> PageCodec:
    """What reads pages of before: a weights file of `optimem-nano`, a model as in `named_codec`, or
    a codec. Raises InputError, and FormatError or VersionError for a file that cannot be read as
    weights, or was trained on pages that this version cannot draw."""
    if isinstance(source, PageCodec):
        return source
    if not (Path(source).suffix == WEIGHTS or Path(source).is_file()):
        return named_codec(str(source))
    from optimem.model.nano.page_codec import NanoCodec
    from optimem.model.nano.weights_file import WeightsFile
    from optimem.renderers.spellings import renderer_of

    weights = Path(source)
    renderer = renderer_of(WeightsFile.load(weights).info.renderer, weights)
    reader = NanoCodec(renderer, weights=weights)
    return PageCodec(reader.renderer, reader, reader)


@cache
def nano() -> "NanoCodec":
    """The shipped `optimem-nano`, one for the whole process; it also reads images of pages."""
    from optimem.model.nano.page_codec import NanoCodec
    from optimem.renderers.dense import DenseRenderer

    return NanoCodec(DenseRenderer())


@cache
def ruled_codec(model: str, reader: str | None = None) -> PageCodec:
    """Ruled pages, read by a DeepSeek-OCR checkpoint, or by the server `reader` of it."""
    from optimem.model.deepseek_ocr.text_pages import DeepSeekPages
    from optimem.renderers.ruled import RuledRenderer

    answers = partial(server_reader, reader) if reader else None
    pages = DeepSeekPages(lambda: deepseek_reader(model), answers=answers)
    return PageCodec(RuledRenderer(), pages, pages)


def image_reader(model: str | None, reader: str | None = None) -> ImageReader:
    """A DeepSeek-OCR checkpoint as a memory's reader of images; with a server `reader`, which
    answers, the checkpoint encodes new images, and without one there are none."""
    from optimem.model.deepseek_ocr.image_reader import DeepSeekImageReader

    answers = partial(server_reader, reader) if reader else None
    return DeepSeekImageReader(partial(_encoder, model), answers=answers)


def _encoder(model: str | None) -> "DeepSeekReader":
    if model is None:
        raise InputError(
            "a server answers about images that are stored, and cannot encode new ones; name a "
            f"checkpoint that does, such as images={DEEPSEEK!r} (--images)"
        )
    return deepseek_reader(model)


@cache
def deepseek_reader(model: str) -> "DeepSeekReader":
    """A checkpoint of DeepSeek-OCR, or a newer one, loaded now and once. Raises InputError,
    FormatError or MissingExtraError; see `DeepSeekReader.open`, `TransformersReader.open_kind`."""
    from optimem.model.deepseek_ocr.checkpoint import checkpoint_folder
    from optimem.model.deepseek_ocr.reader import DeepSeekReader
    from optimem.model.transformers_ocr.kinds import checkpoint_kind
    from optimem.model.transformers_ocr.reader import TransformersReader

    folder = Path(model).expanduser()
    if not folder.is_dir() and HUB_PATTERN.fullmatch(model) and model != DEEPSEEK:
        folder = checkpoint_folder(model)
    kind = checkpoint_kind(folder)
    return TransformersReader.open_kind(folder, kind) if kind else DeepSeekReader.open(model)


@cache
def server_reader(address: str) -> "VllmReader":
    """A vLLM server that answers from stored pages; nothing is asked yet. Raises InputError and
    MissingExtraError; see `VllmReader.at`."""
    from optimem.model.vllm.reader import VllmReader

    return VllmReader.at(address)


def visible_devices() -> list[str]:
    """The names by which `CUDA_VISIBLE_DEVICES` calls each GPU that this process may use; none
    without NVIDIA's driver. Loads torch only if that is there."""
    if not Path("/proc/driver/nvidia").exists():
        return []
    from optimem.model.hardware import cuda_devices

    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = list(map(str, range(cuda_devices()))) if given is None else given.split(",")
    return [name for name in names if name.strip()][: cuda_devices()]


def embeddings_at(given: "str | Embeddings | None" = None) -> "Embeddings | None":
    """An embedding model: as given, "minilm", or by "module:name", by default that of
    `OPTIMEM_EMBEDDINGS`. A class is called without arguments. Raises InputError for a name that
    nothing is found under, and MissingExtraError for minilm without its extra."""
    if given is not None and not isinstance(given, str):
        return given
    name = os.environ.get(EMBEDDINGS_VARIABLE, "") if given is None else given
    if not name and given is None:
        return None
    if name == MINILM:
        return _minilm()
    module, _, path = name.partition(":")
    try:
        found: Any = attrgetter(path)(import_module(module))
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"cannot find the embedding model {name!r}: {error}; write {MINILM}, or module:name, "
            "such as langchain_huggingface:HuggingFaceEmbeddings"
        ) from error
    model: Embeddings = found() if isinstance(found, type) else found
    return model


@cache
def _minilm() -> "Embeddings":
    """The sentence model of the extra `embeddings`, one for the process."""
    from optimem.model.minilm.minilm import MiniLM

    return MiniLM()


def caching(codec: PageCodec) -> PageCodec:
    """The same codec, which does not decode pages again that it read recently."""
    return codec._replace(decoder=CachingDecoder(codec.decoder))


def store_at(
    place: "str | Path | Store | Any | None" = None, keys: KeyProvider | None = None
) -> Store:
    """The store at an address or of a client; see `OpticalMemory.open`. A store is returned as
    it is, or sealed if there are keys; closing it is then still left to who made it."""
    if _is_store(place):
        return seal_store(place, keys or environment_keys(os.environ), owned=False)
    address: Any = default_store() if place is None else place
    return open_store(address, keys=keys)


def check_store(place: "str | Path | Store | Any | None" = None) -> None:
    """Raises InputError for the address of a file that is not there, as `store_at` would make."""
    if not _is_store(place):
        check_exists(default_store() if place is None else place)


def default_store() -> str:
    """`OPTIMEM_STORE`, else a file in the user's data folder, which is created."""
    named = os.environ.get(STORE_VARIABLE)
    return named or str(user_data_path("optimem", ensure_exists=True) / STORE_FILE)


def _is_store(given: object) -> TypeGuard[Store]:
    """Whether an object is a `Store` already, rather than an address or a client."""
    return all(callable(getattr(given, name, None)) for name in ("commit", "peek_due", "usage"))


def page_picture(ink: "NDArray[np.uint8]") -> bytes:
    """A page's ink (S, S) as a PNG."""
    from optimem.renderers.images import page_png

    return page_png(ink)


def boxed_picture(ink: "NDArray[np.uint8]", boxes: Sequence[Box]) -> bytes:
    """A page's ink (S, S) as a PNG with boxes around lines."""
    from optimem.renderers.images import boxed_png

    return boxed_png(ink, boxes)


def page_drawer() -> "PageDrawer":
    """Draws turns as readable pages for large vision models; keeps what it drew last."""
    return _ReadableDrawer()


class _ReadableDrawer:
    """A `PageDrawer`."""

    def __call__(self, turns: "Sequence[Turn]", shape: "PageShape", size: int) -> "list[PageImage]":
        return list(_prompt_pages(tuple(turns), shape, size))

    def undrawable_scripts(self, text: str) -> frozenset[str]:
        from optimem.renderers.typefaces import undrawable_scripts

        return undrawable_scripts(text)


@lru_cache(maxsize=16)
def _prompt_pages(
    turns: "tuple[Turn, ...]", shape: "PageShape", size: int
) -> "tuple[PageImage, ...]":
    from optimem.prompts.pages import PageImage, TextPosition
    from optimem.renderers.images import readable_png
    from optimem.renderers.readable import ReadablePage, render_pages
    from optimem.renderers.style import ReadableStyle

    style = ReadableStyle.dense(shape.width, shape.height, size)

    def page_image(page: ReadablePage) -> PageImage:
        height = page.bottom + style.margin if shape.trim else style.height
        return PageImage(
            shape.width, height, lambda: readable_png(page.draw(height).image),
            TextPosition(*page.end), size,
        )  # fmt: skip

    return tuple(map(page_image, render_pages(turns, style)))
