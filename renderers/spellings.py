"""The ways of spelling that pages are drawn in, by the version of a renderer.

Weights name the version of the renderer whose pages they read, so that what other weights wrote can
be read with them, and trained weights taken over.
"""

from collections.abc import Callable
from pathlib import Path

from optimem.errors import FormatError
from optimem.renderers.codes import Codes
from optimem.renderers.dense import DenseRenderer
from optimem.renderers.escapes import Escapes
from optimem.renderers.spelling import Spelling

SPELLINGS: tuple[Callable[[], Spelling], ...] = (Codes, Escapes)
"""All, that of the shipped weights first."""


def renderer_of(version: str, source: Path) -> DenseRenderer:
    """The renderer that draws a version's pages. Raises FormatError, naming the source of the
    version, if none does."""
    for spelling in SPELLINGS:
        renderer = DenseRenderer(spelling())
        if renderer.version == version:
            return renderer
    raise FormatError(
        f"{source} was trained on pages of {version}, which this version of optimem cannot draw; "
        "take the version that trained it"
    )


def symbols_of(version: str, source: Path) -> tuple[str, ...]:
    """The symbols of a renderer's version, in the order of their ids. Raises FormatError."""
    return renderer_of(version, source).alphabet.symbols
