"""Fading: pages that are due are drawn smaller from what can still be read of them, and what the
policy says is too old is forgotten, on pages and in the tail. A pinned turn does neither.

A sweep commits each change once: if somebody else changed the entry first, it is left to them. An
entry that cannot be read is reported, left as it is, and stops no other.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from optimem.errors import ConflictError, FormatError
from optimem.memory.caching import clear_cache
from optimem.memory.decay import DecayPolicy
from optimem.memory.fading.fate import RETRY_AFTER, Fate, Kept, fading_fates, next_due, settled_fate
from optimem.memory.recall.page_reading import PageReading, read_each
from optimem.memory.records.edits import Edit
from optimem.memory.records.records import Chunk, PageRecord
from optimem.memory.records.scope_records import ScopeRecords, retry
from optimem.memory.records.segment_records import take_out
from optimem.memory.writing.drawing import Drawing, draw_together, redrawn_index
from optimem.memory.writing.merging import merge_index
from optimem.memory.writing.tail import without_chunks
from optimem.protocols import Entry, PageCodec, Store
from optimem.reports import Move, Stay, SweepReport
from optimem.results import Unreadable
from optimem.tiers import Tier
from optimem.turns import Scope

BATCH = 64
"""Due entries claimed at a time."""

SweepProgress = Callable[[int], None]
"""Called with the number of entries swept so far."""


@dataclass
class Tally:
    """Counts of a sweep; see `SweepReport`."""

    moves: list[Move] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    kept: int = 0
    skipped: int = 0
    bytes_before: int = 0
    bytes_after: int = 0

    def report(self) -> SweepReport:
        """The report of the sweep."""
        return SweepReport(**vars(self))


@dataclass(frozen=True)
class DuePage:
    """A page that is to fade, its stored entry, and the sweep of its scope."""

    sweep: "ScopeSweep"
    record: PageRecord
    entry: Entry


@dataclass(frozen=True)
class Fader:
    """Sweeps what is due on a store. `dry_run`: claim and change nothing, only report."""

    store: Store
    codec: PageCodec
    policy: DecayPolicy
    now: float
    dry_run: bool

    def sweep(self, limit: int | None, lease: float, progress: SweepProgress | None) -> SweepReport:
        """Sweep every due entry, or `limit` of them; each is claimed for `lease` seconds."""
        tally, swept = Tally(), 0
        for batch in self._batches(limit, lease):
            self.fade(batch, tally)
            swept += len(batch)
            if progress:
                progress(swept)
        return tally.report()

    def fade(self, claimed: Sequence[tuple[Scope, str]], tally: Tally) -> None:
        """Sweep entries that were claimed, of any scopes. Pages that are to fade are read and
        drawn together."""
        keys = defaultdict[Scope, list[str]](list)
        for scope, key in claimed:
            keys[scope].append(key)
        fading = list[DuePage]()
        for scope, found in keys.items():
            fading += ScopeSweep(self, ScopeRecords(self.store, scope), tally).settle(found)
        self._fade(fading)
        if not self.dry_run and any(move.after is None for move in tally.moves):
            clear_cache(self.codec.decoder)

    def _fade(self, pages: Sequence[DuePage]) -> None:
        """Read pages together, draw them together at smaller tiers, and write each."""
        read = list[tuple[DuePage, PageReading]]()
        readings = read_each([page.record for page in pages], self.codec)
        for page, reading in zip(pages, readings, strict=True):
            if isinstance(reading, PageReading):
                read.append((page, reading))
            else:
                page.sweep.set_aside(page.entry, reading)

        def draw(tier: Tier, places: Sequence[int]) -> list[PageRecord]:
            drawings = [Drawing(read[at][0].record, read[at][1].cells) for at in places]
            return draw_together(drawings, tier, self.codec, self.policy)

        fates = fading_fates([page.record for page, _ in read], self.policy, self.now, draw)
        for (page, reading), fate in zip(read, fates, strict=True):
            page.sweep.put_faded(page, reading, fate)
        if not self.dry_run:
            for records in dict.fromkeys(page.sweep.records for page, _ in read):
                merge_index(records)

    def _batches(self, limit: int | None, lease: float) -> Iterator[list[tuple[Scope, str]]]:
        """Due entries, scope and key, each once even if it is soon due again."""
        seen: set[tuple[Scope, str]] = set()
        while limit is None or len(seen) < limit:
            size = BATCH if limit is None else min(BATCH, limit - len(seen))
            if self.dry_run:
                due = self.store.peek_due(self.now, len(seen) + size)[len(seen) :]
            else:
                due = self.store.claim_due(self.now, size, lease)
            new = [entry for entry in due if entry not in seen]
            seen.update(new)
            yield new
            if len(due) < size or not new:
                return


class ScopeSweep:
    """Sweeps the due entries of one scope."""

    def __init__(self, fader: Fader, records: ScopeRecords, tally: Tally) -> None:
        self.codec, self.policy, self.now = fader.codec, fader.policy, fader.now
        self.dry_run = fader.dry_run
        self.records, self.tally = records, tally

    def settle(self, keys: Sequence[str]) -> list[DuePage]:
        """Settle the entries under these keys that need not be read; the pages that are to fade."""
        fading: list[DuePage] = []
        for entry in self.records.due_entries(keys):
            try:
                record = self.records.unpack(entry)
                if isinstance(record, Chunk):
                    self._sweep_chunk(record, entry)
                elif isinstance(record, PageRecord):
                    fading += self._sweep_page(record, entry)
            except FormatError as error:
                self.set_aside(entry, error)
        return fading

    def _sweep_chunk(self, chunk: Chunk, entry: Entry) -> None:
        """Forget text that is on no page yet, if it is too old."""
        edit, due = self.records.edit(), self.policy.chunk_due(chunk)
        if due is None or due > self.now:
            edit.reschedule(entry, due)
            self.tally.kept += self._commit(edit)
        elif self._remove(entry, lambda: self._without_chunk(chunk, entry)):
            self.tally.bytes_before += len(entry.value)
            self._moved(chunk.turn, "tail", None)

    def _without_chunk(self, chunk: Chunk, entry: Entry) -> Edit:
        edit, (state, version) = self.records.edit(), self.records.state()
        edit.remove_chunk(chunk.position, entry.version)
        edit.put_state(without_chunks(state, [chunk], self.codec.renderer), version)
        if self.records.holders(chunk.position.sequence) == [entry.key]:
            edit.remove_turn(chunk.turn)
        return edit

    def _sweep_page(self, record: PageRecord, entry: Entry) -> list[DuePage]:
        """Keep or forget a page, neither of which needs it to be read, or return it if it is to
        fade."""
        fate = settled_fate(record, self.policy, self.now)
        if fate is None:
            return [DuePage(self, record, entry)]
        if fate.kept:
            self._keep(record, entry, fate.kept)
        else:
            self._forget(record, entry)
        return []

    def _keep(self, record: PageRecord, entry: Entry, reason: Kept) -> None:
        """Leave a page as it is until it is due again."""
        edit = self.records.edit()
        edit.reschedule(entry, next_due(record, self.policy, self.now))
        if self._commit_page(entry, edit):
            self.tally.kept += 1
            scope, tier = str(self.records.scope), _label(record)
            self.tally.stays.append(Stay(scope=scope, page=record.id, tier=tier, reason=reason))

    def _forget(self, record: PageRecord, entry: Entry) -> None:
        """Remove a page, and the ids of turns of which nothing else is left."""
        if self._remove(entry, lambda: without_page(self.records, record, entry.version)):
            self.tally.bytes_before += len(entry.value)
            self._moved(record.id, _label(record), None)

    def put_faded(self, page: DuePage, reading: PageReading, fate: Fate) -> None:
        """Put a faded page in the place of the page; keep it if its floor allows none."""
        faded = fate.page
        if faded is None or fate.kept:
            self._keep(page.record, page.entry, fate.kept or "floor")
            return
        edit, index = self.records.edit(), redrawn_index(reading.spans, self.policy.uncertain)
        due = next_due(faded, self.policy, self.now)
        edit.put_page(faded, due, expect=page.entry.version, index=index)
        if self._commit_page(page.entry, edit):
            self._moved(page.record.id, _label(page.record), faded)

    def set_aside(self, entry: Entry, error: FormatError) -> None:
        """Report an entry that cannot be read; it stays as it is."""
        scope = str(self.records.scope)
        self.tally.unreadable.append(Unreadable(scope=scope, entry=entry.key, reason=str(error)))
        edit = self.records.edit()
        edit.reschedule(entry, self.now + RETRY_AFTER)
        self._commit(edit)

    def _commit_page(self, entry: Entry, edit: Edit) -> bool:
        """Commit, and count the page's bytes before and after."""
        if not self._commit(edit):
            return False
        self.tally.bytes_before += len(entry.value)
        self.tally.bytes_after += edit.page_bytes
        return True

    def _remove(self, entry: Entry, edit_without: Callable[[], Edit]) -> bool:
        """Commit an edit that removes an entry; made again if the scope has changed, but not if
        the entry itself has."""

        def attempt() -> bool:
            edit = edit_without()
            if self.dry_run or edit.try_commit():
                return True
            versions = [found.version for found in self.records.due_entries([entry.key])]
            if versions == [entry.version]:
                raise ConflictError(f"{self.records.scope} changed; sweep again")
            return False

        removed = retry(attempt, self.records.scope, "sweep")
        self.tally.skipped += not removed
        return removed

    def _commit(self, edit: Edit) -> bool:
        """Commit once; True if it succeeded, or would have been tried in a dry run."""
        if self.dry_run or edit.try_commit():
            return True
        self.tally.skipped += 1
        return False

    def _moved(self, name: str, before: str, after: PageRecord | None) -> None:
        self.tally.moves.append(
            Move(
                scope=str(self.records.scope),
                page=name,
                before=before,
                after=_label(after) if after else None,
                expected_accuracy=after.accuracy if after else 0,
            )
        )


def without_page(records: ScopeRecords, record: PageRecord, version: int) -> Edit:
    """The removal of a page at this version, with the ids of turns of which nothing else is left.
    If a turn goes on elsewhere, the scope's state is written too, so that of two sweeps that
    remove the last two parts of a turn, one sees what the other did."""
    edit = records.edit()
    if not all(span.whole for span in record.spans):
        edit.put_state(*records.state())
    edit.remove_page(record.key, version)
    take_out(records, edit, [record.key])
    for span in record.spans:
        if span.whole or records.holders(span.position.sequence) == [record.key.page]:
            edit.remove_turn(span.turn)
    return edit


def _label(page: PageRecord) -> str:
    return page.tier.label if page.tier else "text"
