"""Decay: pages whose time has come are redrawn smaller from what can still be read, and what
the policy says is too old is forgotten, on pages and in the open tail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from optimem import codec, keys
from optimem.compression import PageReader
from optimem.decay import RETRY, DecayPolicy
from optimem.errors import ConflictError, FormatError
from optimem.keys import PageKey
from optimem.memory.reading import PageReading, read_pages
from optimem.memory.redrawing import index_of, redraw_within
from optimem.memory.shelf import Shelf, Stored, page_changes, page_removal, turn_removal
from optimem.memory.tail import tail_removal
from optimem.protocols import Change, Entry, Store
from optimem.records import PageRecord
from optimem.rereading import let_go_of_read
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
    reader: PageReader
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
                self._fade_scope(Shelf(self.store, scope), [key for _, key in group], tally)
            seen.update(new)
            left = None if left is None else left - len(new)
            if progress:
                progress(len(seen))
            if len(offers) < size or not new:
                break
        if not self.dry_run and any(move.after is None for move in tally.moves):
            let_go_of_read(self.reader.decoder)
        return tally.report()

    def _offers(self, size: int, lease: float, seen: int) -> list[tuple[Scope, str]]:
        if self.dry_run:
            return self.store.overdue(self.now, seen + size)[seen:]
        return self.store.due(self.now, size, lease)

    def _fade_scope(self, shelf: Shelf, names: Sequence[str], tally: Tally) -> None:
        shrinking: list[Stored[PageRecord]] = []
        entries = {entry.key: entry for entry in self.store.get(shelf.scope, names) if entry}
        for entry in entries.values():
            try:
                if entry.key.startswith(keys.TAIL):
                    self._age_chunk(shelf, entry, tally)
                else:
                    found = Stored(codec.unpack_page(entry.value), entry.version)
                    if not self._settle(shelf, found, tally):
                        shrinking.append(found)
            except FormatError as error:
                self._set_aside(shelf, entry, error, tally)
        for found, reading in zip(shrinking, self._readings(shrinking), strict=True):
            if isinstance(reading, PageReading):
                self._shrink(shelf, found, reading, tally)
            else:
                self._set_aside(shelf, entries[_key(found.record).page], reading, tally)

    def _readings(self, stored: Sequence[Stored[PageRecord]]) -> list[PageReading | FormatError]:
        """All at once; one by one if something among them cannot be read."""
        try:
            return [*read_pages([found.record for found in stored], self.reader)]
        except FormatError as error:
            if len(stored) == 1:
                return [error]
            return [reading for found in stored for reading in self._readings([found])]

    def _set_aside(self, shelf: Shelf, entry: Entry, error: FormatError, tally: Tally) -> None:
        """What cannot be read stays as it is and is offered again after a while."""
        tally.unreadable.append(
            Unreadable(scope=str(shelf.scope), entry=entry.key, reason=str(error))
        )
        again = Change(entry.key, entry.value, entry.version, self.now + RETRY)
        self._commit(shelf, [again], tally)

    def _commit(self, shelf: Shelf, changes: Sequence[Change], tally: Tally) -> bool:
        """Whether the changes are in force; in a dry run they would be."""
        if not self.dry_run:
            try:
                self.store.commit(shelf.scope, changes)
            except ConflictError:
                tally.skipped += 1
                return False
        return True

    def _age_chunk(self, shelf: Shelf, entry: Entry, tally: Tally) -> None:
        """Text that lies on no page yet and is too old."""
        chunk = codec.unpack_chunk(entry.value)
        due = None if chunk.pinned else self.policy.due(None, chunk.appended)
        if due is None or due > self.now:
            if self._commit(shelf, [Change(entry.key, entry.value, entry.version, due)], tally):
                tally.kept += 1
            return
        changes = tail_removal(shelf, [chunk], self.reader.renderer)
        if shelf.holders(chunk.position.sequence) == [entry.key]:
            changes += turn_removal(chunk.key)
        if self._commit(shelf, changes, tally):
            tally.before += len(entry.value)
            tally.moves.append(self._move(shelf, chunk.key, "tail", None, 0))

    def _settle(self, shelf: Shelf, found: Stored[PageRecord], tally: Tally) -> bool:
        """Deal with a page that need not be read: one that stays, or is forgotten."""
        record, version = found
        target = self.policy.tier_at(self.now - record.accessed)
        if target is None and not record.pinned:
            changes, move = self._forget(shelf, record, version), self._moved(shelf, record, None)
            self._finish(shelf, found, changes, move, tally)
        elif record.pinned:
            self._stay(shelf, found, None, tally)
        elif record.tier is None or target is None or target >= record.tier:
            self._stay(shelf, found, self.policy.due(record.tier, record.accessed), tally)
        else:
            return False
        return True

    def _shrink(
        self, shelf: Shelf, found: Stored[PageRecord], reading: PageReading, tally: Tally
    ) -> None:
        """The page at the smallest tier, from its age's up, that its floor allows."""
        record, version = found
        target, current = self.policy.tier_at(self.now - record.accessed), record.tier
        assert target is not None  # such pages are settled
        assert current is not None
        smaller = [tier for tier in Tier if target <= tier < current]
        faded = redraw_within(self.policy.floor, record, reading.cells, smaller, self.reader)
        if faded is None:
            self._stay(shelf, found, self.policy.due(current, record.accessed), tally)
            return
        due = self._later(self.policy.due(faded.tier, record.accessed))
        index = index_of(reading.spans, self.policy.uncertain)
        changes = page_changes(faded, index, due, version)
        self._finish(shelf, found, changes, self._moved(shelf, record, faded), tally)

    def _stay(
        self, shelf: Shelf, found: Stored[PageRecord], due: float | None, tally: Tally
    ) -> None:
        data = codec.pack_page(found.record)
        change = Change(_key(found.record).page, data, found.version, self._later(due))
        self._finish(shelf, found, [change], None, tally)

    def _later(self, due: float | None) -> float | None:
        """A due time that has passed is one that the floor holds up: try again after a while."""
        return due if due is None or due > self.now else self.now + RETRY

    def _forget(self, shelf: Shelf, record: PageRecord, version: int) -> list[Change]:
        key = _key(record)
        ended = [
            span.key
            for span in record.spans
            if (span.starts and span.ends) or shelf.holders(span.position.sequence) == [key.page]
        ]
        removed = [change for turn in ended for change in turn_removal(turn)]
        return [*page_removal(key, version), *removed]

    def _finish(
        self,
        shelf: Shelf,
        found: Stored[PageRecord],
        changes: Sequence[Change],
        move: Move | None,
        tally: Tally,
    ) -> None:
        if not self._commit(shelf, changes, tally):
            return
        tally.before += len(codec.pack_page(found.record))
        tally.after += sum(
            len(c.value) for c in changes if c.value and c.key.startswith(keys.PAGES)
        )
        if move:
            tally.moves.append(move)
        else:
            tally.kept += 1

    def _moved(self, shelf: Shelf, before: PageRecord, after: PageRecord | None) -> Move:
        if after is None:
            return self._move(shelf, before.id, _label(before), None, 0)
        return self._move(shelf, before.id, _label(before), _label(after), 1 - after.error)

    def _move(self, shelf: Shelf, name: str, before: str, after: str | None, right: float) -> Move:
        return Move(
            scope=str(shelf.scope), page=name, before=before, after=after, expected_accuracy=right
        )


def _key(record: PageRecord) -> PageKey:
    return PageKey(record.position, record.id)


def _label(record: PageRecord) -> str:
    return record.tier.label if record.tier else "text"
