"""Forgetting that forgets: a scope, or one turn on whatever pages it lies, with a receipt."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from optimem.errors import ConflictError, InputError
from optimem.memory.decay import DecayPolicy
from optimem.memory.drawing import index_of, redraw
from optimem.memory.paging import tail_removal
from optimem.memory.recall import PageReading, read_pages
from optimem.memory.records import (
    PAGE_PREFIX,
    TURN_PREFIX,
    PageKey,
    PageRecord,
    Span,
    holding,
    page_id,
)
from optimem.memory.scope_records import ScopeRecords, page_changes, page_removal, turn_removal
from optimem.omem.container import compress
from optimem.protocols import Change, PageCodec, ReadCells
from optimem.results import ForgetReceipt
from optimem.tiers import Tier

TRIES = 50


def forget_scopes(all_records: Sequence[ScopeRecords]) -> ForgetReceipt:
    """Remove everything of some scopes."""
    turns = pages = entries = size = left = 0
    for scope_records in all_records:
        turns += len(scope_records.store.entries(scope_records.scope, TURN_PREFIX))
        pages += len(scope_records.page_keys())
        size += scope_records.store.usage(scope_records.scope)
        entries += scope_records.store.clear(scope_records.scope)
        left += len(scope_records.store.entries(scope_records.scope))
    return ForgetReceipt(
        scopes=[str(scope_records.scope) for scope_records in all_records],
        turns=turns,
        pages=pages,
        entries=entries,
        bytes=size,
        left=left,
    )


class TurnForgetter:
    """Removes one turn of a scope."""

    def __init__(self, scope_records: ScopeRecords, codec: PageCodec, policy: DecayPolicy) -> None:
        self.scope_records, self.codec, self.policy = scope_records, codec, policy

    def forget(self, turn: str) -> ForgetReceipt:
        """Pages that held the turn are drawn again without it. Raises InputError for a turn
        that is not known, ConflictError if others keep writing in between."""
        for _ in range(TRIES):
            (number,) = self.scope_records.turn_numbers([turn])
            if number is None:
                raise InputError(
                    f"{self.scope_records.scope} holds no turn {turn!r}; nothing was forgotten"
                )
            before = self.scope_records.store.usage(self.scope_records.scope)
            changes, pages = self._changes(number, turn)
            try:
                self.scope_records.store.commit(self.scope_records.scope, changes)
            except ConflictError:
                continue
            return ForgetReceipt(
                scopes=[str(self.scope_records.scope)],
                turns=1,
                pages=pages,
                entries=len(changes),
                bytes=max(before - self.scope_records.store.usage(self.scope_records.scope), 0),
                left=self._left(number, turn),
            )
        raise ConflictError(f"{self.scope_records.scope} was written to all the time; forget again")

    def _changes(self, number: int, turn: str) -> tuple[list[Change], int]:
        chunks = [c for c in self.scope_records.chunks() if c.position.sequence == number]
        changes = tail_removal(self.scope_records, chunks, self.codec.renderer)
        held = holding(self.scope_records.page_keys(), number)
        changes += [change for key in held for change in self._without(key, number)]
        changes += turn_removal(turn)
        return changes, sum(change.key.startswith(PAGE_PREFIX) for change in changes)

    def _without(self, key: PageKey, number: int) -> list[Change]:
        """The changes that take a turn off a page; none if it is not on it."""
        (found,) = self.scope_records.pages([key])
        if not found or all(s.position.sequence != number for s in found.record.spans):
            return []
        removal = page_removal(key, found.version)
        (reading,) = read_pages([found.record], self.codec)
        rest = _cut(found.record, reading, number, str(self.scope_records.scope))
        if rest is None:
            return removal
        record, cells = rest
        if found.record.tier is not None:
            record = self._redrawn(record, cells, found.record.tier)
        due = None if record.pinned else self.policy.due(record.tier, record.accessed)
        kept = (read for read in reading.spans if read.span.position.sequence != number)
        index = index_of(kept, self.policy.uncertain)
        return [*removal, *page_changes(record, index, due, expect=None)]

    def _redrawn(self, record: PageRecord, cells: ReadCells, tier: Tier) -> PageRecord:
        """At the page's tier, or a larger one if the floor asks for it; at Large if even that
        does not satisfy the floor."""
        drawn = redraw(record, cells, tier, self.codec)
        while 1 - drawn.error < self.policy.floor and (above := tier.above):
            tier = above
            drawn = redraw(record, cells, tier, self.codec)
        return drawn

    def _left(self, number: int, turn: str) -> int:
        """Entries in which a new listing still finds the turn."""
        named = [change.key for change in turn_removal(turn)]
        known = [
            entry
            for entry in self.scope_records.store.get(self.scope_records.scope, named)
            if entry
        ]
        return len(known) + len(self.scope_records.holders(number))


def _cut(
    record: PageRecord, reading: PageReading, number: int, scope: str
) -> tuple[PageRecord, ReadCells] | None:
    """A page's record and cells without a turn; None if nothing else is on it."""
    kept = [read for read in reading.spans if read.span.position.sequence != number]
    if not kept:
        return None
    slices = [slice(read.span.start, read.span.end) for read in kept]
    cells = ReadCells(
        np.concatenate([reading.cells.ids[part] for part in slices]),
        np.concatenate([reading.cells.probability[part] for part in slices]),
    )
    texts = tuple(read.reading.text for read in kept)
    shorter = replace(
        record,
        id=page_id(scope, kept[0].span.position, texts),
        spans=_moved_up([read.span for read in kept]),
        text_bytes=sum(len(text.encode()) for text in texts),
        zstd_bytes=len(compress("".join(texts).encode())),
        body=texts,
        verbatim=(),
        doubts=(),
    )
    return shorter, cells


def _moved_up(spans: Sequence[Span]) -> tuple[Span, ...]:
    moved, start = [], 0
    for span in spans:
        moved.append(replace(span, start=start, end=start + span.end - span.start))
        start += span.end - span.start
    return tuple(moved)
