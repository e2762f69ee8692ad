"""Pages from cells to vision tokens: drawn, encoded and read back at once.

Every page goes through here: a new one, one that fades, and one that lost a turn. The last two are
drawn from what can still be read of them, so errors add up; the record keeps the sum. Which tier is
good enough is for the caller to decide.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.recall import span_text
from optimem.memory.records import DOUBT_LEVELS, Doubt, PageIndex, PageRecord, Verbatim
from optimem.memory.retrieval import index_page
from optimem.memory.turn_builder import SpanReading
from optimem.protocols import Cells, PageCodec, ReadCells, Reading, VisionTokens
from optimem.text.exact import kept_values
from optimem.tiers import Tier

SHAKY = 0.5
"""Probability below which an exact value is kept as text, even if it reads back right."""
CERTAIN = 0.9
"""Probability below which a cell's doubt is stored."""


class Drawing(NamedTuple):
    """A page to draw: its record, what to draw, and how probable each cell is."""

    record: PageRecord
    cells: ReadCells


def draw(record: PageRecord, cells: ReadCells, tier: Tier, codec: PageCodec) -> PageRecord:
    """One page at a tier; see `draw_together`."""
    (page,) = draw_together([Drawing(record, cells)], tier, codec)
    return page


def draw_together(drawings: Sequence[Drawing], tier: Tier, codec: PageCodec) -> list[PageRecord]:
    """Pages at a tier, drawn, encoded and read back together.

    Exact values that do not read back are kept as text beside the tokens. Cells that read back
    wrong, or were doubtful before, are stored as doubts.
    """
    pages = [codec.renderer.page(drawing.cells.ids) for drawing in drawings]
    encoded = codec.encoder.encode(pages, tier)
    made = zip(drawings, encoded, codec.decoder.read(encoded), strict=True)
    return [_drawn(drawing, tokens, read, codec) for drawing, tokens, read in made]


def _drawn(drawing: Drawing, tokens: VisionTokens, read: ReadCells, codec: PageCodec) -> PageRecord:
    """The page of these tokens, which read back as `read`."""
    record, cells = drawing
    readings = [span_text(span, cells, codec) for span in record.spans]
    wrong = read.ids != cells.ids
    shaky = wrong | (read.probability < SHAKY)
    verbatim = tuple(value for reading in readings for value in shaky_values(reading, shaky))
    for value in verbatim:
        wrong[value.cell : value.cell + len(codec.renderer.spelled(value.text))] = False
    characters = max(sum(len(reading.text) for reading in readings), 1)
    error = min(int(wrong.sum()) / characters, 1.0)
    return replace(
        record,
        body=tokens,
        verbatim=verbatim,
        doubts=_doubts(wrong, cells.probability),
        error=record.error + (1 - record.error) * error,
    )


def draw_each(
    record: PageRecord, cells: ReadCells, tiers: Iterable[Tier], codec: PageCodec
) -> Iterator[PageRecord]:
    """The page at each of `tiers`, drawn only when the caller asks for the next one."""
    return (draw(record, cells, tier, codec) for tier in tiers)


def certain(cells: Cells) -> ReadCells:
    """Cells without any doubt."""
    return ReadCells(cells, np.ones(len(cells), np.float32))


def shaky_values(reading: Reading, shaky: NDArray[np.bool_]) -> list[Verbatim]:
    """The exact values and names of a span that were certain so far and have `shaky` cells."""
    if not reading.text:
        return []
    values = []
    for start, end in kept_values(reading.text):
        first, last = int(reading.cell[start]), int(reading.cell[end - 1])
        known = bool((reading.probability[start:end] >= CERTAIN).all())
        if known and shaky[first : last + 1].any():
            values += _runs(reading, start, end)
    return values


def redrawn_index(spans: Iterable[SpanReading], uncertain: float) -> PageIndex:
    """The index entry of a page that is drawn again, from what could be read before: a turn is
    still found by words that have just faded."""
    return index_page([(s.span.position.sequence, s.reading.marked(uncertain)) for s in spans])


def _doubts(wrong: NDArray[np.bool_], probability: NDArray[np.float32]) -> tuple[Doubt, ...]:
    level = np.where(wrong, 0, np.minimum(probability, 1) * DOUBT_LEVELS).astype(np.uint8)
    doubtful = np.flatnonzero(wrong | (probability < CERTAIN))
    return tuple(Doubt(int(cell), int(level[cell])) for cell in doubtful)


def _runs(reading: Reading, start: int, end: int) -> list[Verbatim]:
    """The value at characters `start` to `end`, in one part for each run of neighbouring cells:
    it may go on in the next row."""
    gaps = np.flatnonzero(np.diff(reading.cell[start:end]) > 1) + start + 1
    edges = [start, *gaps.tolist(), end]
    return [Verbatim(int(reading.cell[a]), reading.text[a:b]) for a, b in pairwise(edges)]
