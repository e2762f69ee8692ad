"""The open tail: turns as text, durable in the store, until they fill a page.

Appending never encodes, so it takes milliseconds however large the memory is.

The tail onto pages: full ones as they fill, the last one when it is flushed.

Pinning: a turn's pages and its text in the open tail are kept from fading, or let go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

import numpy as np
import zstandard

from optimem.errors import ConflictError, InputError
from optimem.memory import serialization
from optimem.memory.decay import DecayPolicy
from optimem.memory.drawing import draw
from optimem.memory.records import (
    Chunk,
    Head,
    PageRecord,
    Position,
    Span,
    chunk_key,
    holding,
    page_id,
    text_digest,
    turn_key,
)
from optimem.memory.retrieval import index_page
from optimem.memory.scope_records import ScopeRecords, head_change, page_changes
from optimem.protocols import Cells, Change, PageCodec, ReadCells, Renderer
from optimem.results import AppendReport
from optimem.tiers import Tier
from optimem.turns import Turn

CHUNK = 1 << 16
"""Characters of a turn that are stored as one piece."""
TRIES = 50
"""Writers that get in between before an append gives up."""


def append_turns(
    scope_records: ScopeRecords,
    turns: Sequence[Turn],
    renderer: Renderer,
    policy: DecayPolicy,
    now: float,
) -> tuple[AppendReport, Head]:
    """Put turns at the end of a scope, each at most once. Raises ConflictError if others
    write so much that it never gets its turn."""
    due = policy.due(None, now)
    for _ in range(TRIES):
        head, version = scope_records.head()
        new = _unknown(scope_records, turns)
        if not new:
            return AppendReport(added=0, duplicates=len(turns)), head
        changes, head = _changes(head, new, renderer, due, now)
        try:
            scope_records.store.commit(scope_records.scope, [*changes, head_change(head, version)])
        except ConflictError:
            continue
        return AppendReport(added=len(new), duplicates=len(turns) - len(new)), head
    raise ConflictError(
        f"{scope_records.scope} was written to {TRIES} times in between; append again"
    )


def _unknown(scope_records: ScopeRecords, turns: Sequence[Turn]) -> list[Turn]:
    """The turns that the scope has not seen, each once."""
    first: dict[str, Turn] = {}
    for turn in turns:
        first.setdefault(turn.key, turn)
    unique = list(first.values())
    known = scope_records.turn_numbers([turn.key for turn in unique])
    return [turn for turn, number in zip(unique, known, strict=True) if number is None]


def _changes(
    head: Head, turns: Sequence[Turn], renderer: Renderer, due: float | None, now: float
) -> tuple[list[Change], Head]:
    changes: list[Change] = []
    number, cells = head.next, head.cells
    for turn in turns:
        changes.append(Change(turn_key(turn.key), serialization.pack_place(number), expect=0))
        for chunk in chunks_of(turn, number, now):
            cells += len(chunk_cells(chunk, renderer))
            key = chunk_key(chunk.position)
            changes.append(Change(key, serialization.pack_chunk(chunk), expect=0, due=due))
        number += 1
    epoch = head.epoch or uuid4().hex  # a scope that was forgotten and begun again is another
    return changes, Head(number, head.tail, cells, now, epoch)


def chunk_cells(chunk: Chunk, renderer: Renderer) -> Cells:
    """The cells of a piece of the tail, a role mark first if its turn starts here."""
    return renderer.cells(chunk.text, chunk.role if chunk.position.offset == 0 else None)


def tail_removal(
    scope_records: ScopeRecords, chunks: Sequence[Chunk], renderer: Renderer
) -> list[Change]:
    """Remove pieces of the tail; pages drawn from them meanwhile will not be committed."""
    head, version = scope_records.head()
    cells = head.cells - sum(len(chunk_cells(chunk, renderer)) for chunk in chunks)
    removed = [Change(chunk_key(chunk.position), None) for chunk in chunks]
    return [*removed, head_change(replace(head, cells=cells, epoch=uuid4().hex), version)]


def chunks_of(turn: Turn, number: int, now: float) -> list[Chunk]:
    """A turn as pieces of the tail; an empty turn is one empty piece."""
    starts = range(0, max(len(turn.text), 1), CHUNK)
    return [
        Chunk(
            position=Position(number, start),
            role=turn.role,
            key=turn.key,
            time=now if turn.time is None else turn.time,
            appended=now,
            ends=start + CHUNK >= len(turn.text),
            pinned=False,
            text=turn.text[start : start + CHUNK],
        )
        for start in starts
    ]


ZSTD_LEVEL = 19


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


def lay_out(chunks: Sequence[Chunk], codec: PageCodec) -> Sheet:
    """The first page of the tail: as much as fits."""
    renderer = codec.renderer
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

    def __init__(self, codec: PageCodec, policy: DecayPolicy) -> None:
        self.codec, self.policy = codec, policy

    def close_pages(self, scope_records: ScopeRecords, now: float, *, partial: bool) -> int:
        """Write all full pages, and with `partial` what is left too; the number written.

        Another writer may do the same at the same time: one of them wins each page.
        """
        written, tries = 0, 0
        while tries < TRIES:
            head, _ = scope_records.head()
            if not head.cells or (not partial and head.cells < self.codec.renderer.capacity):
                return written
            chunks = self._next_chunks(scope_records, head)
            sheet = lay_out(chunks, self.codec) if chunks else None
            if sheet and self._commit(
                scope_records, head, self.record(scope_records, sheet, now), sheet
            ):
                written, tries = written + 1, 0
            else:
                tries += 1
        raise ConflictError(
            f"{scope_records.scope} changed {TRIES} times while a page was drawn; retry"
        )

    def _next_chunks(self, scope_records: ScopeRecords, head: Head) -> list[Chunk]:
        return scope_records.chunks(head.tail, enough=self.codec.renderer.capacity)

    def record(self, scope_records: ScopeRecords, sheet: Sheet, now: float) -> PageRecord:
        """The page's record: at the tier of its age, or the next larger one that reads back
        well enough, or as text."""
        text = "".join(sheet.texts).encode()
        record = PageRecord(
            id=page_id(str(scope_records.scope), sheet.spans[0].position, sheet.texts),
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
            (draft,) = draw([(_sure(sheet.cells), sheet.spans)], tier, self.codec)
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

    def _commit(
        self, scope_records: ScopeRecords, drawn_from: Head, record: PageRecord, sheet: Sheet
    ) -> bool:
        """Put the page in the tail's place; False if the tail is no longer what was drawn."""
        rows = [
            (span.position.sequence, text)
            for span, text in zip(sheet.spans, sheet.texts, strict=True)
        ]
        due = None if record.pinned else self.policy.due(record.tier, record.accessed)
        for _ in range(TRIES):
            head, version = scope_records.head()
            if (head.tail, head.epoch) != (drawn_from.tail, drawn_from.epoch):
                return False
            changes = page_changes(record, index_page(rows), due, expect=0)
            changes += [Change(chunk_key(position), None) for position in sheet.used]
            if sheet.rest:
                key = chunk_key(sheet.rest.position)
                later = None if sheet.rest.pinned else self.policy.due(None, sheet.rest.appended)
                changes.append(
                    Change(key, serialization.pack_chunk(sheet.rest), expect=0, due=later)
                )
            changes.append(head_change(_shortened(head, sheet), version))
            try:
                scope_records.store.commit(scope_records.scope, changes)
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


"""Writers that get in between before it gives up."""


def set_pinned(
    scope_records: ScopeRecords, turn: str, policy: DecayPolicy, *, pinned: bool
) -> None:
    """Pin or unpin a turn. Raises InputError for an unknown turn, and ConflictError if others
    write so much that it never gets its turn."""
    for _ in range(TRIES):
        (number,) = scope_records.turn_numbers([turn])
        if number is None:
            raise InputError(
                f"{scope_records.scope} holds no turn {turn!r}; see `reconstruct` for ids"
            )
        try:
            scope_records.store.commit(
                scope_records.scope, _pinning_changes(scope_records, number, policy, pinned)
            )
        except ConflictError:
            continue
        return
    raise ConflictError(f"{scope_records.scope} was written to all the time; pin again")


def _pinning_changes(
    scope_records: ScopeRecords, number: int, policy: DecayPolicy, pinned: bool
) -> list[Change]:
    head, version = scope_records.head()
    changes = [head_change(replace(head, epoch=uuid4().hex), version)]
    for chunk in scope_records.chunks():
        if chunk.position.sequence == number:
            data = serialization.pack_chunk(replace(chunk, pinned=pinned))
            due = None if pinned else policy.due(None, chunk.appended)
            changes.append(Change(chunk_key(chunk.position), data, due=due))
    wanted = holding(scope_records.page_keys(), number)
    for key, found in zip(wanted, scope_records.pages(wanted), strict=True):
        if found:
            spans = tuple(
                replace(s, pinned=pinned) if s.position.sequence == number else s
                for s in found.record.spans
            )
            record = replace(found.record, spans=spans)
            due = None if record.pinned else policy.due(record.tier, record.accessed)
            changes.append(Change(key.page, serialization.pack_page(record), found.version, due))
    return changes
