"""Records to text: what can still be read of a page, span by span, and where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimem.compression import PageReader
from optimem.protocols import Box, ReadCells, Reading, VisionTokens
from optimem.records import DOUBT_LEVELS, PageRecord, Span, text_digest
from optimem.tiers import Tier

VERIFIED = 0.95  # probability of a cell that was read right when its page was written,
LIKELY = 0.5  # if the decoder still thinks so: another machine may round differently


@dataclass(frozen=True)
class SpanReading:
    """A span's best guess, and whether its hash proves it right."""

    span: Span
    reading: Reading
    exact: bool

    def marked(self, uncertain: float) -> str:
        """The text with characters less probable than `uncertain` as U+FFFD."""
        return self.reading.marked(uncertain)


@dataclass(frozen=True)
class PageReading:
    """A page as read: its cells with everything known about them, and its spans."""

    cells: ReadCells
    spans: list[SpanReading]


def read_pages(records: Sequence[PageRecord], reader: PageReader) -> list[PageReading]:
    """Read pages. Raises FingerprintError for tokens of another encoder."""
    tokens = [r.body for r in records if isinstance(r.body, VisionTokens)]
    seen = iter(reader.decoder.read(tokens) if tokens else [])
    return [
        _with_known(r, next(seen), reader)
        if isinstance(r.body, VisionTokens)
        else _kept_text(r, r.body, reader)
        for r in records
    ]


def _with_known(record: PageRecord, read: ReadCells, reader: PageReader) -> PageReading:
    """A reading with what was learned when the page was written: cells that were compared
    then and found right are known, the others doubtful."""
    ids = read.ids.copy()
    likely = read.probability >= LIKELY
    probability = np.where(likely, np.maximum(read.probability, VERIFIED), read.probability)
    for cell, level in record.doubts:
        probability[cell] = min(probability[cell], level / DOUBT_LEVELS)
    for cell, text in record.verbatim:
        exact = reader.renderer.spelled(text)
        ids[cell : cell + len(exact)], probability[cell : cell + len(exact)] = exact, 1.0
    cells = ReadCells(ids, probability)
    return PageReading(cells, [_read_span(span, cells, reader) for span in record.spans])


def _read_span(span: Span, cells: ReadCells, reader: PageReader) -> SpanReading:
    part = slice(span.text_start, span.end)
    reading = reader.renderer.text(ReadCells(cells.ids[part], cells.probability[part]))
    reading = replace(reading, cell=reading.cell + span.text_start)
    exact = text_digest(reading.text) == span.digest
    if exact:
        reading = replace(reading, probability=np.ones_like(reading.probability))
    return SpanReading(span, reading, exact)


def _kept_text(record: PageRecord, texts: tuple[str, ...], reader: PageReader) -> PageReading:
    """A page that no tier could hold: as if it had been read without a doubt. Pieces of a turn
    that came in one after another are one text now, which may take fewer cells."""
    parts = [
        reader.renderer.cells(text, span.role if span.starts else None)
        for span, text in zip(record.spans, texts, strict=True)
    ]
    ends = np.cumsum([len(part) for part in parts]).tolist()
    spans = [
        replace(span, start=end - len(part), end=end)
        for span, part, end in zip(record.spans, parts, ends, strict=True)
    ]
    ids = np.concatenate(parts)
    cells = ReadCells(ids, np.ones(len(ids), np.float32))
    return PageReading(cells, [_read_span(span, cells, reader) for span in spans])


def line_boxes(cells: NDArray[np.int64], reader: PageReader, tier: Tier) -> list[Box]:
    """The boxes of cells, those side by side on a line joined."""
    lines: list[Box] = []
    for cell in cells.tolist():
        box = reader.renderer.box(cell, tier)
        last = lines[-1] if lines else None
        if last and last.top == box.top and abs(last.right - box.left) < 1:
            lines[-1] = Box(last.left, last.top, box.right, last.bottom)
        else:
            lines.append(box)
    return lines
