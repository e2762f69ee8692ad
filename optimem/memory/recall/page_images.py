"""A page of a scope as an image again, with the lines of a turn boxed.

The page is drawn from the cells that can be read of it now, at its tier. Knows nothing of image
files.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimem.errors import UnknownPageError
from optimem.memory.recall.page_reading import read_pages
from optimem.memory.recall.recall import Recaller
from optimem.memory.records.records import PageKey
from optimem.protocols import Box
from optimem.tiers import Tier

Boxed = Callable[[NDArray[np.uint8], Sequence[Box]], bytes]
"""Makes a PNG of a page's ink (S, S) and boxes on it."""


def page_image(recaller: Recaller, page: str, turn: str | None, boxed: Boxed) -> bytes:
    """A page as a PNG. `turn`: the id of one whose lines on the page are boxed. Raises
    UnknownPageError for a page that the scope does not hold, or not the turn, and FormatError for
    one that cannot be read."""
    keys = [key for key in recaller.records.page_keys() if key.id == page]
    (found,) = replace(recaller.records, damage=None).pages(keys[:1]) or [None]
    if found is None:
        raise UnknownPageError(
            f"{recaller.records.scope} holds no page {page!r:.80}; results name the pages that "
            "there are"
        )
    (reading,) = read_pages([found.record], recaller.codec)
    ink = recaller.codec.renderer.page(reading.cells.ids).image(found.record.tier or Tier.LARGE)
    return boxed(ink, _boxes(recaller, found.record.key, turn) if turn is not None else [])


def _boxes(recaller: Recaller, page: PageKey, turn: str) -> list[Box]:
    """The lines of a turn on a page."""
    parts = [part for found in recaller.read([turn]) for part in found.parts]
    boxes = [box for part in parts if part.page == page.id for box in part.boxes]
    if not boxes:
        raise UnknownPageError(
            f"the turn {turn!r:.80} of {recaller.records.scope} is not on page {page.id}; its "
            "parts name the pages that it is on"
        )
    return boxes
