"""The composition root: which renderer, model and store a memory is made of.

The only module that knows implementations; everything else knows protocols.
"""

import os
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from optimem.compression import PageReader
from optimem.decay import DecayPolicy
from optimem.errors import InputError
from optimem.memory import OpticalMemory
from optimem.protocols import Clock, ReadCells, Store

if TYPE_CHECKING:
    from optimem.model.nano import NanoReader

NANO = "optimem-nano"
STORE_VARIABLE = "OPTIMEM_STORE"
STORE_FILE = "memory.db"


@cache
def page_reader() -> PageReader:
    """The dense renderer and the shipped `optimem-nano`; one for the whole process."""
    from optimem.model.nano import NanoReader
    from optimem.renderers.dense import DenseRenderer

    renderer = DenseRenderer()
    nano = NanoReader(renderer)
    return PageReader(renderer, nano, nano)


def named_reader(name: str) -> PageReader:
    """The reader called so. Raises InputError for an unknown name."""
    if name != NANO:
        raise InputError(f"no model is called {name!r}; choose {NANO}")
    return page_reader()


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
    reader: PageReader | None = None,
) -> OpticalMemory:
    """See `OpticalMemory.open`."""
    opened: Store = store if _is_store(store) else _opened(store)
    return OpticalMemory(
        opened,
        reader or page_reader(),
        policy=policy,
        clock=clock,
        owns_store=opened is not store,
    )


def _opened(address: "str | Path | Any | None") -> Store:
    from optimem.store import open_store

    return open_store(default_store() if address is None else address)


def _is_store(given: object) -> TypeGuard[Store]:
    """Whether an object is a `Store` already, rather than an address or a client."""
    return all(callable(getattr(given, name, None)) for name in ("commit", "overdue", "usage"))


def read_picture(path: Path) -> ReadCells:
    """Read the image of a dense page. Raises PageError for any other image."""
    from optimem.renderers.pictures import load_ink

    nano = cast("NanoReader", page_reader().decoder)
    return nano.read_image(load_ink(path))


def save_image(ink: NDArray[np.uint8], path: Path) -> None:
    """Write a page's image as a PNG."""
    from optimem.renderers.pictures import save_page

    save_page(ink, path)


def image_data(ink: NDArray[np.uint8]) -> bytes:
    """A page's image as a small PNG of 16 greys."""
    from optimem.renderers.pictures import page_png

    return page_png(ink)
