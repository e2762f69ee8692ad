"""Cells to a page's record: drawn, encoded, read back at once, and kept only if it holds.

Serves every page that is written: new ones, faded ones, and those redrawn to forget a turn.

A page drawn again from what can be read of it: smaller to fade, or without a turn.

Errors add up each time; the record says to how much.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from optimem.memory.recall import SpanReading
from optimem.memory.records import DOUBT_LEVELS, Doubt, PageIndex, PageRecord, Span, Verbatim
from optimem.memory.retrieval import index_page
from optimem.protocols import PageCodec, ReadCells, Reading, VisionTokens
from optimem.text.exact import kept_values
from optimem.tiers import Tier

SHAKY = 0.5  # probability under which an exact value is not left to the tokens, though right
SURE = 0.9  # probability under which a cell's doubt is remembered when it is drawn again


@dataclass(frozen=True)
class Draft:
    """A page at a tier, read back. `error`: cells that came back wrong, those kept verbatim not
    counted, for each character on the page; at most 1."""

    tokens: VisionTokens
    verbatim: tuple[Verbatim, ...]
    doubts: tuple[Doubt, ...]
    error: float


def draw(
    sources: Sequence[tuple[ReadCells, Sequence[Span]]], tier: Tier, codec: PageCodec
) -> list[Draft]:
    """Draw pages at a tier. A source is what is to stand on a page, each cell as sure as its
    probability, and the page's spans."""
    pages = [codec.renderer.page(cells.ids) for cells, _ in sources]
    tokens = codec.encoder.encode(pages, tier)
    return [
        _draft(cells, spans, token, read, codec)
        for (cells, spans), token, read in zip(
            sources, tokens, codec.decoder.read(tokens), strict=True
        )
    ]


def _draft(
    source: ReadCells,
    spans: Sequence[Span],
    tokens: VisionTokens,
    seen: ReadCells,
    codec: PageCodec,
) -> Draft:
    wrong = seen.ids != source.ids
    shaky = wrong | (seen.probability < SHAKY)
    readings = [_span_text(source, span, codec) for span in spans]
    verbatim = tuple(value for reading in readings for value in shaky_values(reading, shaky))
    for value in verbatim:
        wrong[value.cell : value.cell + len(codec.renderer.spelled(value.text))] = False
    level = np.where(wrong, 0, np.minimum(source.probability, 1) * DOUBT_LEVELS).astype(np.uint8)
    unsure = np.flatnonzero(wrong | (source.probability < SURE))
    doubts = tuple(Doubt(int(cell), int(level[cell])) for cell in unsure)
    characters = max(sum(len(reading.text) for reading in readings), 1)
    return Draft(tokens, verbatim, doubts, min(int(wrong.sum()) / characters, 1.0))


def _span_text(source: ReadCells, span: Span, codec: PageCodec) -> Reading:
    part = slice(span.text_start, span.end)
    reading = codec.renderer.text(ReadCells(source.ids[part], source.probability[part]))
    return Reading(reading.text, reading.probability, reading.cell + span.text_start)


def shaky_values(reading: Reading, shaky: NDArray[np.bool_]) -> list[Verbatim]:
    """The exact values and names of a span that were certain so far and are now misread, or
    nearly."""
    if not len(reading.text):
        return []
    values = []
    for start, end in kept_values(reading.text):
        first, last = int(reading.cell[start]), int(reading.cell[end - 1])
        certain = bool((reading.probability[start:end] >= SURE).all())
        if certain and shaky[first : last + 1].any():
            values += _side_by_side(reading, start, end)
    return values


def _side_by_side(reading: Reading, start: int, end: int) -> list[Verbatim]:
    """A value as it stands on the page: one part for each run of neighbouring cells, since a
    value may go on in the next row."""
    gaps = np.flatnonzero(np.diff(reading.cell[start:end]) > 1) + start + 1
    edges = [start, *gaps.tolist(), end]
    return [Verbatim(int(reading.cell[a]), reading.text[a:b]) for a, b in pairwise(edges)]


def redraw(record: PageRecord, cells: ReadCells, tier: Tier, codec: PageCodec) -> PageRecord:
    """The page at another tier, drawn from cells that were read of it."""
    (draft,) = draw([(cells, record.spans)], tier, codec)
    return replace(
        record,
        body=draft.tokens,
        verbatim=draft.verbatim,
        doubts=draft.doubts,
        error=1 - (1 - record.error) * (1 - draft.error),
    )


def redraw_within(
    floor: float, record: PageRecord, cells: ReadCells, tiers: Iterable[Tier], codec: PageCodec
) -> PageRecord | None:
    """The page at the first of `tiers` at which the expected share of characters right is
    still `floor` or more; None if there is none."""
    drawn = (redraw(record, cells, tier, codec) for tier in tiers)
    return next((page for page in drawn if 1 - page.error >= floor), None)


def index_of(spans: Iterable[SpanReading], uncertain: float) -> PageIndex:
    """The index entry of a page that is drawn again, made from what could be read with
    certainty before: a turn is found by words that have just faded, and shown as it reads."""
    return index_page([(s.span.position.sequence, s.marked(uncertain)) for s in spans])
