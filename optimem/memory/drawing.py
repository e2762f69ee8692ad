"""Cells to a page's record: drawn, encoded, read back at once, and kept only if it holds.

Serves every page that is written: new ones, faded ones, and those redrawn to forget a turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from optimem.compression import PageReader
from optimem.exact import kept_values
from optimem.protocols import ReadCells, Reading, VisionTokens
from optimem.records import DOUBT_LEVELS, Doubt, Span, Verbatim
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
    sources: Sequence[tuple[ReadCells, Sequence[Span]]], tier: Tier, reader: PageReader
) -> list[Draft]:
    """Draw pages at a tier. A source is what is to stand on a page, each cell as sure as its
    probability, and the page's spans."""
    pages = [reader.renderer.page(cells.ids) for cells, _ in sources]
    tokens = reader.encoder.encode(pages, tier)
    return [
        _draft(cells, spans, token, read, reader)
        for (cells, spans), token, read in zip(
            sources, tokens, reader.decoder.read(tokens), strict=True
        )
    ]


def _draft(
    source: ReadCells,
    spans: Sequence[Span],
    tokens: VisionTokens,
    seen: ReadCells,
    reader: PageReader,
) -> Draft:
    wrong = seen.ids != source.ids
    shaky = wrong | (seen.probability < SHAKY)
    readings = [_span_text(source, span, reader) for span in spans]
    verbatim = tuple(value for reading in readings for value in shaky_values(reading, shaky))
    for value in verbatim:
        wrong[value.cell : value.cell + len(reader.renderer.spelled(value.text))] = False
    level = np.where(wrong, 0, np.minimum(source.probability, 1) * DOUBT_LEVELS).astype(np.uint8)
    unsure = np.flatnonzero(wrong | (source.probability < SURE))
    doubts = tuple(Doubt(int(cell), int(level[cell])) for cell in unsure)
    characters = max(sum(len(reading.text) for reading in readings), 1)
    return Draft(tokens, verbatim, doubts, min(int(wrong.sum()) / characters, 1.0))


def _span_text(source: ReadCells, span: Span, reader: PageReader) -> Reading:
    part = slice(span.text_start, span.end)
    reading = reader.renderer.text(ReadCells(source.ids[part], source.probability[part]))
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
