"""Decay: pages whose time has come are redrawn smaller from what can still be read, and what
the policy says is too old is forgotten, on pages and in the open tail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from optimem.errors import ConflictError, FormatError
from optimem.memory import serialization
from optimem.memory.caching import clear_cache
from optimem.memory.decay import RETRY, DecayPolicy
from optimem.memory.drawing import index_of, redraw_within
from optimem.memory.paging import tail_removal
from optimem.memory.recall import PageReading, read_pages
from optimem.memory.records import PAGE_PREFIX, TAIL_PREFIX, PageKey, PageRecord
from optimem.memory.scope_records import (
    ScopeRecords,
    Stored,
    page_changes,
    page_removal,
    turn_removal,
)
from optimem.protocols import Change, Entry, PageCodec, Store
from optimem.results import Move, SweepReport, Unreadable
from optimem.tiers import Tier
from optimem.turns import Scope

BATCH = 64
"""Due entries claimed at a time."""

Progress = Callable[[int], None]
"""Called with the number of entries looked at so far."""


@dataclass
class Tally:
    """What a sweep has come to."""

    moves: list[Move] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    kept: int = 0
    skipped: int = 0
    before: int = 0
    after: int = 0

    def report(self) -> SweepReport:
        """The same, as it is given out."""
        return SweepReport(
            moves=self.moves,
            unreadable=self.unreadable,
            kept=self.kept,
            skipped=self.skipped,
            bytes_before=self.before,
            bytes_after=self.after,
        )


@dataclass(frozen=True)
class Fader:
    """Lets pages fade. `dry_run`: only say what would happen; nothing is claimed or changed."""

    store: Store
    codec: PageCodec
    policy: DecayPolicy
    now: float
    dry_run: bool

    def sweep(self, limit: int | None, lease: float, progress: Progress | None) -> SweepReport:
        """Look at every due entry, or `limit` of them."""
        tally, seen = Tally(), set[tuple[Scope, str]]()
        left = limit
        while left is None or left > 0:
            size = BATCH if left is None else min(BATCH, left)
            offers = self._offers(size, lease, len(seen))
            new = [offer for offer in offers if offer not in seen]
            for scope, group in groupby(new, key=lambda offer: offer[0]):
                self._fade_scope(ScopeRecords(self.store, scope), [key for _, key in group], tally)
            seen.update(new)
            left = None if left is None else left - len(new)
            if progress:
                progress(len(seen))
            if len(offers) < size or not new:
                break
        if not self.dry_run and any(move.after is None for move in tally.moves):
            clear_cache(self.codec.decoder)
        return tally.report()

    def _offers(self, size: int, lease: float, seen: int) -> list[tuple[Scope, str]]:
        if self.dry_run:
            return self.store.peek_due(self.now, seen + size)[seen:]
        return self.store.claim_due(self.now, size, lease)

    def _fade_scope(self, scope_records: ScopeRecords, names: Sequence[str], tally: Tally) -> None:
        shrinking: list[Stored[PageRecord]] = []
        entries = {
            entry.key: entry for entry in self.store.get(scope_records.scope, names) if entry
        }
        for entry in entries.values():
            try:
                if entry.key.startswith(TAIL_PREFIX):
                    self._age_chunk(scope_records, entry, tally)
                else:
                    found = Stored(serialization.unpack_page(entry.value), entry.version)
                    if not self._settle(scope_records, found, tally):
                        shrinking.append(found)
            except FormatError as error:
                self._set_aside(scope_records, entry, error, tally)
        for found, reading in zip(shrinking, self._readings(shrinking), strict=True):
            if isinstance(reading, PageReading):
                self._shrink(scope_records, found, reading, tally)
            else:
                self._set_aside(scope_records, entries[_key(found.record).page], reading, tally)

    def _readings(self, stored: Sequence[Stored[PageRecord]]) -> list[PageReading | FormatError]:
        """All at once; one by one if something among them cannot be read."""
        try:
            return [*read_pages([found.record for found in stored], self.codec)]
        except FormatError as error:
            if len(stored) == 1:
                return [error]
            return [reading for found in stored for reading in self._readings([found])]

    def _set_aside(
        self, scope_records: ScopeRecords, entry: Entry, error: FormatError, tally: Tally
    ) -> None:
        """What cannot be read stays as it is and is offered again after a while."""
        tally.unreadable.append(
            Unreadable(scope=str(scope_records.scope), entry=entry.key, reason=str(error))
        )
        again = Change(entry.key, entry.value, entry.version, self.now + RETRY)
        self._commit(scope_records, [again], tally)

    def _commit(self, scope_records: ScopeRecords, changes: Sequence[Change], tally: Tally) -> bool:
        """Whether the changes are in force; in a dry run they would be."""
        if not self.dry_run:
            try:
                self.store.commit(scope_records.scope, changes)
            except ConflictError:
                tally.skipped += 1
                return False
        return True

    def _age_chunk(self, scope_records: ScopeRecords, entry: Entry, tally: Tally) -> None:
        """Text that lies on no page yet and is too old."""
        chunk = serialization.unpack_chunk(entry.value)
        due = None if chunk.pinned else self.policy.due(None, chunk.appended)
        if due is None or due > self.now:
            if self._commit(
                scope_records, [Change(entry.key, entry.value, entry.version, due)], tally
            ):
                tally.kept += 1
            return
        changes = tail_removal(scope_records, [chunk], self.codec.renderer)
        if scope_records.holders(chunk.position.sequence) == [entry.key]:
            changes += turn_removal(chunk.key)
        if self._commit(scope_records, changes, tally):
            tally.before += len(entry.value)
            tally.moves.append(self._move(scope_records, chunk.key, "tail", None, 0))

    def _settle(self, scope_records: ScopeRecords, found: Stored[PageRecord], tally: Tally) -> bool:
        """Deal with a page that need not be read: one that stays, or is forgotten."""
        record, version = found
        target = self.policy.tier_at(self.now - record.accessed)
        if target is None and not record.pinned:
            changes, move = (
                self._forget(scope_records, record, version),
                self._moved(scope_records, record, None),
            )
            self._finish(scope_records, found, changes, move, tally)
        elif record.pinned:
            self._stay(scope_records, found, None, tally)
        elif record.tier is None or target is None or target >= record.tier:
            self._stay(scope_records, found, self.policy.due(record.tier, record.accessed), tally)
        else:
            return False
        return True

    def _shrink(
        self,
        scope_records: ScopeRecords,
        found: Stored[PageRecord],
        reading: PageReading,
        tally: Tally,
    ) -> None:
        """The page at the smallest tier, from its age's up, that its floor allows."""
        record, version = found
        target, current = self.policy.tier_at(self.now - record.accessed), record.tier
        assert target is not None  # such pages are settled
        assert current is not None
        smaller = [tier for tier in Tier if target <= tier < current]
        faded = redraw_within(self.policy.floor, record, reading.cells, smaller, self.codec)
        if faded is None:
            self._stay(scope_records, found, self.policy.due(current, record.accessed), tally)
            return
        due = self._later(self.policy.due(faded.tier, record.accessed))
        index = index_of(reading.spans, self.policy.uncertain)
        changes = page_changes(faded, index, due, version)
        self._finish(
            scope_records, found, changes, self._moved(scope_records, record, faded), tally
        )

    def _stay(
        self,
        scope_records: ScopeRecords,
        found: Stored[PageRecord],
        due: float | None,
        tally: Tally,
    ) -> None:
        data = serialization.pack_page(found.record)
        change = Change(_key(found.record).page, data, found.version, self._later(due))
        self._finish(scope_records, found, [change], None, tally)

    def _later(self, due: float | None) -> float | None:
        """A due time that has passed is one that the floor holds up: try again after a while."""
        return due if due is None or due > self.now else self.now + RETRY

    def _forget(
        self, scope_records: ScopeRecords, record: PageRecord, version: int
    ) -> list[Change]:
        key = _key(record)
        ended = [
            span.key
            for span in record.spans
            if (span.starts and span.ends)
            or scope_records.holders(span.position.sequence) == [key.page]
        ]
        removed = [change for turn in ended for change in turn_removal(turn)]
        return [*page_removal(key, version), *removed]

    def _finish(
        self,
        scope_records: ScopeRecords,
        found: Stored[PageRecord],
        changes: Sequence[Change],
        move: Move | None,
        tally: Tally,
    ) -> None:
        if not self._commit(scope_records, changes, tally):
            return
        tally.before += len(serialization.pack_page(found.record))
        tally.after += sum(
            len(c.value) for c in changes if c.value and c.key.startswith(PAGE_PREFIX)
        )
        if move:
            tally.moves.append(move)
        else:
            tally.kept += 1

    def _moved(
        self, scope_records: ScopeRecords, before: PageRecord, after: PageRecord | None
    ) -> Move:
        if after is None:
            return self._move(scope_records, before.id, _label(before), None, 0)
        return self._move(scope_records, before.id, _label(before), _label(after), 1 - after.error)

    def _move(
        self, scope_records: ScopeRecords, name: str, before: str, after: str | None, right: float
    ) -> Move:
        return Move(
            scope=str(scope_records.scope),
            page=name,
            before=before,
            after=after,
            expected_accuracy=right,
        )


def _key(record: PageRecord) -> PageKey:
    return PageKey(record.position, record.id)


def _label(record: PageRecord) -> str:
    return record.tier.label if record.tier else "text"
