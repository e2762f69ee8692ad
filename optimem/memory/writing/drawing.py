"""Pages from cells to vision tokens: drawn, encoded, read back at once, and corrected.

Every page goes through here: a new one, one that fades, and one that lost a turn. What its policy
keeps to the letter on its tier is named in its corrections, so a page that fades from an exact one
starts from exact text; below, it is drawn from what can still be read, errors add up, and the
record keeps the sum. Which tier is good enough is for the caller to decide.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.memory.decay import DecayPolicy
from optimem.memory.recall.page_reading import span_text
from optimem.memory.recall.retrieval import IndexRow, index_page
from optimem.memory.recall.turn_builder import SpanReading
from optimem.memory.records.page_index import PageIndex
from optimem.memory.records.records import PageRecord, Span
from optimem.omem.corrections import find_corrections
from optimem.protocols import Cells, PageCodec, ReadCells, Reading, VisionTokens
from optimem.text.keeping import Keep, kept_cells
from optimem.tiers import Tier


class Drawing(NamedTuple):
    """A page to draw: its record, what to draw, how probable each cell is, and what must come back
    to the letter, by default what the policy keeps on the tier."""

    record: PageRecord
    cells: ReadCells
    keep: Keep | None = None


def draw(
    record: PageRecord, cells: ReadCells, tier: Tier, codec: PageCodec, policy: DecayPolicy
) -> PageRecord:
    """One page at a tier; see `draw_together`."""
    (page,) = draw_together([Drawing(record, cells)], tier, codec, policy)
    return page


def draw_together(
    drawings: Sequence[Drawing], tier: Tier, codec: PageCodec, policy: DecayPolicy
) -> list[PageRecord]:
    """Pages at a tier, drawn, encoded and read back together, with the corrections that bring back
    what `policy` keeps there."""
    pages = [codec.renderer.page(drawing.cells.ids) for drawing in drawings]
    encoded = codec.encoder.encode(pages, tier)
    made = zip(drawings, encoded, codec.decoder.read(encoded), strict=True)
    return [_drawn(drawing, tokens, read, codec, policy) for drawing, tokens, read in made]


def draw_each(
    record: PageRecord,
    cells: ReadCells,
    tiers: Iterable[Tier],
    codec: PageCodec,
    policy: DecayPolicy,
) -> Iterator[PageRecord]:
    """The page at each of `tiers`, drawn only when the caller asks for the next one."""
    return (draw(record, cells, tier, codec, policy) for tier in tiers)


def certain(cells: Cells) -> ReadCells:
    """Cells without any doubt."""
    return ReadCells(cells, np.ones(len(cells), np.float32))


def redrawn_index(spans: Iterable[SpanReading], uncertain: float) -> PageIndex:
    """The index entry of a page that is drawn again, from what could be read before: a turn is
    still found by words that have just faded."""
    return index_page([IndexRow.of(s.span, s.reading.marked(uncertain)) for s in spans])


def _drawn(
    drawing: Drawing, tokens: VisionTokens, read: ReadCells, codec: PageCodec, policy: DecayPolicy
) -> PageRecord:
    """The page of these tokens, which read back as `read`."""
    record, cells, keep = drawing
    keep = keep or policy.keep_at(tokens.tier)
    texts = [span_text(s, cells, codec) for s in record.spans]
    kept = _kept_cells(record.spans, texts, len(cells.ids), keep)
    found = find_corrections(cells, read, kept, policy.uncertain)
    characters = max(sum(len(reading.text) for reading in texts), 1)
    left = int((found.apply(read).ids != cells.ids).sum())
    return replace(
        record,
        body=tokens,
        kept=keep,
        corrections=found.pack(len(cells.ids)),
        error=record.error + (1 - record.error) * min(left / characters, 1.0),
        misread=min(int((read.ids != cells.ids).sum()) / characters, 1.0),
    )


def _kept_cells(
    spans: Sequence[Span], texts: Sequence[Reading], size: int, keep: Keep
) -> NDArray[np.bool_] | None:
    """(size,): the cells that must come back, None if none must. A value is looked for within a
    turn, not across two."""
    kept = np.full(size, keep is Keep.ALL)
    for span, reading in zip(spans, texts, strict=True):
        cells = kept_cells(reading, span.end, keep)
        if cells is None:
            return None
        kept[span.start : span.end] = cells[span.start :]
    return kept
