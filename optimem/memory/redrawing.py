"""A page drawn again from what can be read of it: smaller to fade, or without a turn.

Errors add up each time; the record says to how much.
"""

from collections.abc import Iterable
from dataclasses import replace

from optimem.compression import PageReader
from optimem.memory.drawing import draw
from optimem.memory.reading import SpanReading
from optimem.protocols import ReadCells
from optimem.records import PageIndex, PageRecord
from optimem.retrieval import index_page
from optimem.tiers import Tier


def redraw(record: PageRecord, cells: ReadCells, tier: Tier, reader: PageReader) -> PageRecord:
    """The page at another tier, drawn from cells that were read of it."""
    (draft,) = draw([(cells, record.spans)], tier, reader)
    return replace(
        record,
        body=draft.tokens,
        verbatim=draft.verbatim,
        doubts=draft.doubts,
        error=1 - (1 - record.error) * (1 - draft.error),
    )


def redraw_within(
    floor: float, record: PageRecord, cells: ReadCells, tiers: Iterable[Tier], reader: PageReader
) -> PageRecord | None:
    """The page at the first of `tiers` at which the expected share of characters right is
    still `floor` or more; None if there is none."""
    drawn = (redraw(record, cells, tier, reader) for tier in tiers)
    return next((page for page in drawn if 1 - page.error >= floor), None)


def index_of(spans: Iterable[SpanReading], uncertain: float) -> PageIndex:
    """The index entry of a page that is drawn again, made from what could be read with
    certainty before: a turn is found by words that have just faded, and shown as it reads."""
    return index_page([(s.span.position.sequence, s.marked(uncertain)) for s in spans])
