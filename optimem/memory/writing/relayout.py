"""A page as it was read, laid out anew for a renderer that draws other cells: the same turns, ids,
times and pins, on one page or, if it takes more room now, on several.

What was doubtful stays so. Knows nothing of stores or models.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from optimem.memory.recall.page_reading import PageReading
from optimem.memory.recall.turn_builder import SpanReading
from optimem.memory.records.records import Chunk, PageRecord, Position, Span, page_id
from optimem.memory.writing.drawing import Drawing
from optimem.memory.writing.paging import PageLayout, lay_out
from optimem.omem.container import compress
from optimem.omem.reencoding import NO_DIGEST, spread
from optimem.protocols import ReadCells, Renderer
from optimem.text.keeping import Keep


def lay_out_anew(
    record: PageRecord, reading: PageReading, renderer: Renderer, scope: str
) -> list[Drawing]:
    """The pages on which a page's turns lie for `renderer`, in order. A single one keeps the page's
    id. Raises FormatError for text that the renderer cannot spell."""
    layouts = _layouts(reading.spans, renderer)
    known = {read.span.position.sequence: read for read in reading.spans}
    drawings = list[Drawing]()
    taken = dict.fromkeys(known, 0)  # characters of each turn that lie on pages before
    for number, layout in enumerate(layouts):
        spans, cells = list[Span](), list[ReadCells]()
        for span, text in zip(layout.spans, layout.texts, strict=True):
            read, start = known[span.position.sequence], taken[span.position.sequence]
            taken[span.position.sequence] += len(text)
            spans.append(_proved(span, read, len(text), number))
            probability = read.reading.probability[start : start + len(text)]
            cells.append(spread(layout.cells[span.start : span.end], probability, renderer))
        page = replace(record, spans=tuple(spans))
        if len(layouts) > 1:
            page = _part(page, layout.texts, scope)
        drawings.append(Drawing(page, _joined(cells), Keep.ALL))
    return drawings


def _layouts(spans: Sequence[SpanReading], renderer: Renderer) -> list[PageLayout]:
    chunks, layouts = [_chunk(read) for read in spans], list[PageLayout]()
    while chunks:
        layout = lay_out(chunks, renderer)
        layouts.append(layout)
        rest = [layout.rest] if layout.rest else []
        chunks = [*rest, *chunks[len(layout.chunks) :]]
    return layouts


def _chunk(read: SpanReading) -> Chunk:
    """A span as if it had just been appended."""
    span = read.span
    return Chunk(
        position=span.position,
        role=span.role,
        turn=span.turn,
        time=span.time,
        appended=span.time,
        ends=span.ends,
        pinned=span.pinned,
        text=read.reading.text,
        extra=span.extra,
        name=span.name,
    )


def _proved(span: Span, read: SpanReading, size: int, page: int) -> Span:
    """A span with the digest of its text; with one that proves nothing if it was cut out of a text
    that is not exact. How many characters such a text had is not known, so its later parts are
    placed by the page they are on, which keeps them before what follows."""
    if read.exact:
        return span
    if size == len(read.reading.text):
        return replace(span, digest=read.span.digest)
    first, offset = span.position.offset == read.span.position.offset, read.span.position.offset
    position = Position(span.position.sequence, offset if first else offset + page)
    return replace(span, position=position, digest=NO_DIGEST)


def _part(page: PageRecord, texts: tuple[str, ...], scope: str) -> PageRecord:
    """One of several pages, with an id and sizes of its own."""
    text = "".join(texts).encode()
    return replace(
        page,
        id=page_id(scope, page.spans[0].position, texts),
        text_bytes=len(text),
        zstd_bytes=len(compress(text)),
    )


def _joined(cells: Sequence[ReadCells]) -> ReadCells:
    return ReadCells(
        np.concatenate([part.ids for part in cells]),
        np.concatenate([part.probability for part in cells]),
    )
