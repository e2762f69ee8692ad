"""What can still be read of a page, span by span.

The record says where a turn is, the decoder what its cells show, and corrections and hashes which
of it is right. Knows nothing of scopes.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimem.errors import FormatError
from optimem.memory.recall.turn_builder import SpanReading
from optimem.memory.records.records import PageRecord, Span
from optimem.omem.container import format_errors
from optimem.omem.corrections import Corrections, proven
from optimem.protocols import PageCodec, ReadCells, Reading, VisionTokens
from optimem.text.keeping import Keep


@dataclass(frozen=True)
class PageReading:
    """A page as read: its cells, corrected, and its spans, or those that were wanted. Cells of a
    span that its hash proves right are certain."""

    cells: ReadCells
    spans: list[SpanReading]


def read_pages(
    records: Sequence[PageRecord], codec: PageCodec, wanted: Container[int] | None = None
) -> list[PageReading]:
    """Read pages. `wanted`: numbers of the turns whose spans are read; None for all. Raises
    FingerprintError for tokens of another encoder."""
    tokens = [record.body for record in records if isinstance(record.body, VisionTokens)]
    decoded = iter(codec.decoder.read(tokens) if tokens else [])
    return [
        _read_tokens(record, next(decoded), codec, wanted)
        if isinstance(record.body, VisionTokens)
        else _read_text(record, record.body, codec, wanted)
        for record in records
    ]


def read_each(
    records: Sequence[PageRecord], codec: PageCodec, wanted: Container[int] | None = None
) -> list[PageReading | FormatError]:
    """Read pages, all at once, or one by one if one of them cannot be read: the error then."""
    try:
        return [*read_pages(records, codec, wanted)]
    except FormatError as error:
        if len(records) == 1:
            return [error]
        return [reading for record in records for reading in read_each([record], codec, wanted)]


def _read_tokens(
    record: PageRecord, decoded: ReadCells, codec: PageCodec, wanted: Container[int] | None
) -> PageReading:
    """What was decoded, with the corrections made when the page was written. Raises FormatError
    if these, or the spans, are not of such a page."""
    size = len(decoded.ids)
    if record.spans[-1].end > size:
        raise FormatError(
            f"page {record.id} is damaged: it names turns up to cell {record.spans[-1].end}, "
            f"and its tokens show {size} cells"
        )
    with format_errors(f"the corrections of page {record.id}"):
        cells = Corrections.unpack(record.corrections, size).apply(decoded)
    read = [_read_span(each, cells, codec, record.kept) for each in _of(record.spans, wanted)]
    for each in read:
        _take_certainty(cells, each)
    return PageReading(cells, read)


def _read_text(
    record: PageRecord, texts: tuple[str, ...], codec: PageCodec, wanted: Container[int] | None
) -> PageReading:
    """A page kept as text, as if each of its cells had been read with certainty. A turn that was
    stored in several chunks is one text here, which may take fewer cells."""
    parts = [
        codec.renderer.cells(text, span.role if span.starts else None)
        for span, text in zip(record.spans, texts, strict=True)
    ]
    ends = np.cumsum([len(part) for part in parts]).tolist()
    ids = np.concatenate(parts)
    cells = ReadCells(ids, np.ones(len(ids), np.float32))
    read = [
        _read_span(replace(span, start=end - len(part), end=end), cells, codec, Keep.ALL)
        for span, part, end in zip(record.spans, parts, ends, strict=True)
        if wanted is None or span.position.sequence in wanted
    ]
    return PageReading(cells, read)


def _of(spans: Iterable[Span], wanted: Container[int] | None) -> Iterator[Span]:
    """The spans of turns by their numbers; None for all."""
    return (span for span in spans if wanted is None or span.position.sequence in wanted)


def _read_span(span: Span, cells: ReadCells, codec: PageCodec, kept: Keep) -> SpanReading:
    reading = span_text(span, cells, codec)
    return SpanReading(span, *proven(reading, span.digest, kept is Keep.ALL))


def _take_certainty(cells: ReadCells, read: SpanReading) -> None:
    """Give a span's cells the certainty of its characters, now that its hash was compared."""
    part = slice(read.span.start, read.span.end)
    if read.exact:
        cells.probability[part] = 1
    else:
        starts = read.reading.cell
        cells.probability[starts] = np.minimum(cells.probability[starts], read.reading.probability)


def span_text(span: Span, cells: ReadCells, codec: PageCodec) -> Reading:
    """The text of a span from the cells of its page."""
    part = slice(span.text_start, span.end)
    reading = codec.renderer.text(ReadCells(cells.ids[part], cells.probability[part]))
    return replace(reading, cell=reading.cell + span.text_start)
