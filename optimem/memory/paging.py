"""The tail onto pages: full ones as they fill, the last one when it is flushed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import zstandard

from optimem import codec, keys
from optimem.compression import PageReader
from optimem.decay import DecayPolicy
from optimem.errors import ConflictError
from optimem.memory.drawing import draw
from optimem.memory.shelf import Shelf, head_change, page_changes
from optimem.memory.tail import chunk_cells
from optimem.protocols import Cells, Change, ReadCells
from optimem.records import Chunk, Head, PageRecord, Position, Span, page_id, text_digest
from optimem.retrieval import index_page
from optimem.tiers import Tier

ZSTD_LEVEL = 19
TRIES = 50


@dataclass(frozen=True)
class Sheet:
    """What one page is to hold. `texts`: of its spans. `used`: tail pieces that end on it.
    `rest`: what is left of a piece that does not."""

    cells: Cells
    spans: tuple[Span, ...]
    texts: tuple[str, ...]
    used: tuple[Position, ...]
    rest: Chunk | None

    @property
    def after(self) -> Position | None:
        """Where the tail starts once this page is written, if that is known from it."""
        return self.rest.position if self.rest else None


def lay_out(chunks: Sequence[Chunk], reader: PageReader) -> Sheet:
    """The first page of the tail: as much as fits."""
    renderer = reader.renderer
    parts: list[Cells] = []
    spans: list[Span] = []
    texts: list[str] = []
    used: list[Position] = []
    room, start = renderer.capacity, 0
    for chunk in chunks:
        cells = chunk_cells(chunk, renderer)
        end = renderer.split(cells, room)
        whole = end == len(cells)
        text = chunk.text if whole else renderer.text(_sure(cells[:end])).text
        if not (whole or text):
            break  # not even the first character fits
        piece = _span(chunk, start, start + end, ends=chunk.ends and whole, text=text)
        _add(spans, texts, piece, text)
        parts.append(cells[:end])
        used.append(chunk.position)
        start, room = start + end, room - end
        if not whole:
            position = Position(chunk.position.sequence, chunk.position.offset + len(text))
            rest = replace(chunk, position=position, text=chunk.text[len(text) :])
            return Sheet(np.concatenate(parts), tuple(spans), tuple(texts), tuple(used), rest)
    return Sheet(np.concatenate(parts), tuple(spans), tuple(texts), tuple(used), None)


def _sure(cells: Cells) -> ReadCells:
    return ReadCells(cells, np.ones(len(cells), np.float32))


def _span(chunk: Chunk, start: int, end: int, *, ends: bool, text: str) -> Span:
    return Span(
        position=chunk.position,
        role=chunk.role,
        key=chunk.key,
        time=chunk.time,
        start=start,
        end=end,
        ends=ends,
        pinned=chunk.pinned,
        digest=text_digest(text),
    )


def _add(spans: list[Span], texts: list[str], span: Span, text: str) -> None:
    """Add a span; pieces of one turn that follow one another on a page are one span."""
    if spans and spans[-1].position.sequence == span.position.sequence:
        texts[-1] += text
        last = spans[-1]
        spans[-1] = replace(last, end=span.end, ends=span.ends, digest=text_digest(texts[-1]))
    else:
        spans.append(span)
        texts.append(text)


class PageWriter:
    """Turns the tail of a scope into pages."""

    def __init__(self, reader: PageReader, policy: DecayPolicy) -> None:
        self.reader, self.policy = reader, policy

    def close_pages(self, shelf: Shelf, now: float, *, partial: bool) -> int:
        """Write all full pages, and with `partial` what is left too; the number written.

        Another writer may do the same at the same time: one of them wins each page.
        """
        written, tries = 0, 0
        while tries < TRIES:
            head, _ = shelf.head()
            if not head.cells or (not partial and head.cells < self.reader.renderer.capacity):
                return written
            chunks = self._next_chunks(shelf, head)
            sheet = lay_out(chunks, self.reader) if chunks else None
            if sheet and self._commit(shelf, head, self.record(shelf, sheet, now), sheet):
                written, tries = written + 1, 0
            else:
                tries += 1
        raise ConflictError(f"{shelf.scope} changed {TRIES} times while a page was drawn; retry")

    def _next_chunks(self, shelf: Shelf, head: Head) -> list[Chunk]:
        return shelf.chunks(head.tail, enough=self.reader.renderer.capacity)

    def record(self, shelf: Shelf, sheet: Sheet, now: float) -> PageRecord:
        """The page's record: at the tier of its age, or the next larger one that reads back
        well enough, or as text."""
        text = "".join(sheet.texts).encode()
        record = PageRecord(
            id=page_id(str(shelf.scope), sheet.spans[0].position, sheet.texts),
            created=now,
            accessed=now,
            error=0.0,
            text_bytes=len(text),
            zstd_bytes=len(zstandard.compress(text, ZSTD_LEVEL)),
            spans=sheet.spans,
            body=sheet.texts,
        )
        tier: Tier | None = self.policy.tier_at(0.0) or Tier.LARGE
        while tier is not None:
            (draft,) = draw([(_sure(sheet.cells), sheet.spans)], tier, self.reader)
            if draft.error <= self.policy.write_error:
                return replace(
                    record,
                    body=draft.tokens,
                    verbatim=draft.verbatim,
                    doubts=draft.doubts,
                    error=draft.error,
                )
            tier = tier.above
        return record

    def _commit(self, shelf: Shelf, drawn_from: Head, record: PageRecord, sheet: Sheet) -> bool:
        """Put the page in the tail's place; False if the tail is no longer what was drawn."""
        rows = [
            (span.position.sequence, text)
            for span, text in zip(sheet.spans, sheet.texts, strict=True)
        ]
        due = None if record.pinned else self.policy.due(record.tier, record.accessed)
        for _ in range(TRIES):
            head, version = shelf.head()
            if (head.tail, head.epoch) != (drawn_from.tail, drawn_from.epoch):
                return False
            changes = page_changes(record, index_page(rows), due, expect=0)
            changes += [Change(keys.chunk_key(position), None) for position in sheet.used]
            if sheet.rest:
                key = keys.chunk_key(sheet.rest.position)
                later = None if sheet.rest.pinned else self.policy.due(None, sheet.rest.appended)
                changes.append(Change(key, codec.pack_chunk(sheet.rest), expect=0, due=later))
            changes.append(head_change(_shortened(head, sheet), version))
            try:
                shelf.store.commit(shelf.scope, changes)
            except ConflictError:
                continue  # somebody appended meanwhile; the page is still right
            return True
        return False


def _shortened(head: Head, sheet: Sheet) -> Head:
    last = sheet.spans[-1].position
    following = Position(last.sequence + 1, 0)
    if not sheet.spans[-1].ends and sheet.rest is None:
        following = Position(last.sequence, last.offset + len(sheet.texts[-1]))
    return replace(head, tail=sheet.after or following, cells=head.cells - len(sheet.cells))
