"""A page of a scope by its name: as it is stored, or as an image again, with the lines of a turn
boxed.

An image is drawn from the cells that can be read of the page now, at its tier. Knows nothing of
image files.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimem.errors import PageError, UnknownPageError
from optimem.memory.recall.page_reading import read_pages
from optimem.memory.recall.recall import Recaller
from optimem.memory.records.records import PageKey, PageRecord
from optimem.memory.records.scope_records import ScopeRecords
from optimem.protocols import Box, VisionTokens
from optimem.tiers import Tier

Boxed = Callable[[NDArray[np.uint8], Sequence[Box]], bytes]
"""Makes a PNG of a page's ink (S, S) and boxes on it."""


def page_image(recaller: Recaller, page: str, turn: str | None, boxed: Boxed) -> bytes:
    """A page as a PNG. `turn`: the id of one whose lines on the page are boxed. Raises
    UnknownPageError for a page that the scope does not hold, or not the turn, and FormatError for
    one that cannot be read."""
    record = _record(recaller.records, page)
    (reading,) = read_pages([record], recaller.codec)
    ink = recaller.codec.renderer.page(reading.cells.ids).image(record.tier or Tier.LARGE)
    return boxed(ink, _boxes(recaller, record.key, turn) if turn is not None else [])


def page_tokens(records: ScopeRecords, page: str) -> VisionTokens:
    """The vision tokens of a page. Raises UnknownPageError for a page that the scope does not
    hold, and PageError for one that is stored as text."""
    body = _record(records, page).body
    if not isinstance(body, VisionTokens):
        raise PageError(
            f"page {page} of {records.scope} is stored as text, because its tokens alone read too "
            "badly; recall its turns"
        )
    return body


def _record(records: ScopeRecords, page: str) -> PageRecord:
    keys = [key for key in records.page_keys() if key.id == page]
    (found,) = replace(records, damage=None).pages(keys[:1]) or [None]
    if found is None:
        raise UnknownPageError(
            f"{records.scope} holds no page {page!r:.80}; results name the pages that there are"
        )
    return found.record


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
