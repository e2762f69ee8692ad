"""Forgetting: a scope, or one turn on whatever pages it lies, with a receipt of what was removed
and what a new look still finds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimem.errors import FormatError, InputError
from optimem.memory.decay import DecayPolicy
from optimem.memory.drawing import draw_each, redrawn_index
from optimem.memory.recall import PageReading, read_pages
from optimem.memory.records import EntryKind, PageRecord, Span, gone_key, holding, page_id
from optimem.memory.scope_records import Edit, ScopeRecords, Stored, retry
from optimem.memory.tail import new_epoch, without_chunks
from optimem.memory.tombstones import bury_scope, tombstone
from optimem.omem.container import compress
from optimem.protocols import PageCodec, ReadCells
from optimem.results import ForgetReceipt
from optimem.tiers import Tier


def forget_scopes(scopes: Sequence[ScopeRecords], now: float) -> ForgetReceipt:
    """Remove everything in some scopes, and leave tombstones."""
    kinds: Counter[EntryKind | None] = Counter()
    entries = size = left = 0
    for records in scopes:
        kinds.update(entry.kind for entry in records.entry_sizes())
        size += records.bytes_used()
        _bury(records, now)
        entries += records.clear()
        left += len(records.entry_sizes())
    return ForgetReceipt(
        scopes=[str(records.scope) for records in scopes],
        turns=kinds[EntryKind.TURN],
        pages=kinds[EntryKind.PAGE],
        entries=entries,
        bytes=size,
        left=left,
        residue=scopes[0].wipe() if scopes else [],
    )


def _bury(records: ScopeRecords, now: float) -> None:
    """Leave tombstones of all turns. The state is written last, so that whoever appends at the same
    time fails, reads again and finds them."""

    def attempt() -> None:
        try:
            state, version = records.state()
        except FormatError:
            version = 0  # nobody can append to a scope whose state is damaged
        bury_scope(records, now)
        if version:
            edit = records.edit()
            edit.put_state(replace(state, epoch=new_epoch()), version)
            edit.commit()

    retry(attempt, records.scope, "forget")


@dataclass(frozen=True)
class TurnForgetter:
    """Removes single turns of a scope."""

    records: ScopeRecords
    codec: PageCodec
    policy: DecayPolicy
    now: float

    def forget(self, turn: str) -> ForgetReceipt:
        """Remove a turn; pages that held it are drawn again without it. Raises InputError for a
        turn the scope does not hold, and ConflictError if others keep writing."""
        return retry(lambda: self._forget(turn), self.records.scope, "forget")

    def _forget(self, turn: str) -> ForgetReceipt:
        (number,) = self.records.turn_numbers([turn])
        if number is None:
            raise InputError(f"{self.records.scope} holds no turn {turn!r}; nothing was forgotten")
        before = self.records.bytes_used()
        edit = self.records.edit()
        edit.remove_turn(turn)
        edit.changes.append(tombstone(self.records.scope, gone_key(turn), self.now))
        self._remove_chunks(edit, number)
        pages = self._remove_spans(edit, number)
        edit.commit()
        return ForgetReceipt(
            scopes=[str(self.records.scope)],
            turns=1,
            pages=pages,
            entries=len(edit.changes),
            bytes=max(before - self.records.bytes_used(), 0),
            left=self.records.traces(turn, number),
            residue=self.records.wipe(),
        )

    def _remove_chunks(self, edit: Edit, number: int) -> None:
        """Take the turn out of the tail. The scope's state is written even if nothing of the
        turn is there, so that no page drawn from older text is committed."""
        state, version = self.records.state()
        chunks = self.records.chunks_of(number)
        for chunk in chunks:
            edit.remove_chunk(chunk.position)
        edit.put_state(without_chunks(state, chunks, self.codec.renderer), version)

    def _remove_spans(self, edit: Edit, number: int) -> int:
        """Take the turn off its pages; the number of pages it was on."""
        stored = self.records.pages(holding(self.records.page_keys(), number))
        held = [found for found in stored if found and found.record.holds(number)]
        for found in held:
            self._redraw(edit, found, number)
        return len(held)

    def _redraw(self, edit: Edit, found: Stored[PageRecord], number: int) -> None:
        """Put a page without the turn in the place of the page; remove it if nothing else is on
        it."""
        edit.remove_page(found.record.key, found.version)
        (reading,) = read_pages([found.record], self.codec)
        kept = [read for read in reading.spans if read.span.position.sequence != number]
        if kept:
            rest = PageReading(reading.cells, kept)
            page = self._without(found.record, rest)
            index = redrawn_index(kept, self.policy.uncertain)
            edit.put_page(page, self.policy.page_due(page), expect=None, index=index)

    def _without(self, record: PageRecord, kept: PageReading) -> PageRecord:
        """The page with only the spans that are kept, at its tier or the next larger one that
        its floor allows; at Large if none does."""
        page, cells = _cut(record, kept, str(self.records.scope))
        if record.tier is None:
            return page
        tiers = [tier for tier in Tier if tier >= record.tier]
        for drawn in draw_each(page, cells, tiers, self.codec):
            if drawn.accuracy >= self.policy.floor:
                break
        return drawn


def _cut(record: PageRecord, kept: PageReading, scope: str) -> tuple[PageRecord, ReadCells]:
    """A page with only the spans that are kept, as text, and its cells."""
    slices = [slice(read.span.start, read.span.end) for read in kept.spans]
    cells = ReadCells(
        np.concatenate([kept.cells.ids[part] for part in slices]),
        np.concatenate([kept.cells.probability[part] for part in slices]),
    )
    texts = tuple(read.reading.text for read in kept.spans)
    page = replace(
        record,
        id=page_id(scope, kept.spans[0].span.position, texts),
        spans=_closed_up([read.span for read in kept.spans]),
        text_bytes=sum(len(text.encode()) for text in texts),
        zstd_bytes=len(compress("".join(texts).encode())),
        body=texts,
        verbatim=(),
        doubts=(),
    )
    return page, cells


def _closed_up(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Spans moved so that each starts where the one before ends."""
    moved, start = [], 0
    for span in spans:
        end = start + span.end - span.start
        moved.append(replace(span, start=start, end=end))
        start = end
    return tuple(moved)
