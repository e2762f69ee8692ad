"""Fading: pages that are due are drawn smaller from what can still be read of them, and what the
policy says is too old is forgotten, on pages and in the tail. A pinned turn does neither.

A sweep commits each change once: if somebody else changed the entry first, it is left to them. An
entry that cannot be read is reported, left as it is, and stops no other.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter

from optimem.errors import ConflictError, FormatError, InputError
from optimem.memory.caching import clear_cache
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.drawing import draw, redrawn_index
from optimem.memory.fate import fading_fate, settled_fate
from optimem.memory.recall import PageReading, read_each
from optimem.memory.records import Chunk, PageRecord, holding
from optimem.memory.scope_records import Edit, ScopeRecords, retry
from optimem.memory.tail import new_epoch, without_chunks
from optimem.protocols import Entry, PageCodec, Store
from optimem.results import Move, SweepReport, Unreadable
from optimem.tiers import Tier
from optimem.turns import Scope

BATCH = 64
"""Due entries claimed at a time."""
RETRY_AFTER = 30 * DAY
"""Seconds until a page that its floor keeps from fading, or that cannot be read, is due again."""

SweepProgress = Callable[[int], None]
"""Called with the number of entries swept so far."""


@dataclass
class Tally:
    """Counts of a sweep; see `SweepReport`."""

    moves: list[Move] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    kept: int = 0
    skipped: int = 0
    bytes_before: int = 0
    bytes_after: int = 0

    def report(self) -> SweepReport:
        """The report of the sweep."""
        return SweepReport(**vars(self))


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
            for scope, group in groupby(batch, key=itemgetter(0)):
                records = ScopeRecords(self.store, scope)
                ScopeSweep(self, records, tally).sweep([key for _, key in group])
            swept += len(batch)
            if progress:
                progress(swept)
        if not self.dry_run and any(move.after is None for move in tally.moves):
            clear_cache(self.codec.decoder)
        return tally.report()

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


@dataclass(frozen=True)
class DuePage:
    """A page that is due, and its stored entry."""

    record: PageRecord
    entry: Entry


class ScopeSweep:
    """Sweeps the due entries of one scope."""

    def __init__(self, fader: Fader, records: ScopeRecords, tally: Tally) -> None:
        self.codec, self.policy, self.now = fader.codec, fader.policy, fader.now
        self.dry_run = fader.dry_run
        self.records, self.tally = records, tally

    def sweep(self, keys: Sequence[str]) -> None:
        """Sweep the entries under these keys. Pages that are to fade are read together."""
        fading: list[DuePage] = []
        for entry in self.records.due_entries(keys):
            try:
                record = self.records.unpack(entry)
                if isinstance(record, Chunk):
                    self._sweep_chunk(record, entry)
                elif isinstance(record, PageRecord) and not self._settle(
                    page := DuePage(record, entry)
                ):
                    fading.append(page)
            except FormatError as error:
                self._set_aside(entry, error)
        readings = read_each([page.record for page in fading], self.codec)
        for page, reading in zip(fading, readings, strict=True):
            if isinstance(reading, PageReading):
                self._fade(page, reading)
            else:
                self._set_aside(page.entry, reading)

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

    def _settle(self, page: DuePage) -> bool:
        """Keep or forget a page, neither of which needs it to be read; False if it is to fade."""
        fate = settled_fate(page.record, self.policy, self.now)
        if fate is None:
            return False
        if fate.kept:
            self._keep(page)
        else:
            self._forget(page)
        return True

    def _keep(self, page: DuePage) -> None:
        """Leave a page as it is until it is due again."""
        edit = self.records.edit()
        edit.reschedule(page.entry, self._later(self.policy.page_due(page.record)))
        if self._commit_page(page, edit):
            self.tally.kept += 1

    def _forget(self, page: DuePage) -> None:
        """Remove a page, and the ids of turns of which nothing else is left."""
        if self._remove(page.entry, lambda: self._without_page(page)):
            self.tally.bytes_before += len(page.entry.value)
            self._moved(page.record.id, _label(page.record), None)

    def _without_page(self, page: DuePage) -> Edit:
        """If a turn goes on elsewhere, the scope's state is written too, so that of two sweeps
        that remove the last two parts of a turn, one sees what the other did."""
        edit, record = self.records.edit(), page.record
        if not all(span.whole for span in record.spans):
            edit.put_state(*self.records.state())
        edit.remove_page(record.key, page.entry.version)
        for span in record.spans:
            if span.whole or self.records.holders(span.position.sequence) == [page.entry.key]:
                edit.remove_turn(span.turn)
        return edit

    def _fade(self, page: DuePage, reading: PageReading) -> None:
        """Draw a page at a smaller tier, unless its floor allows none."""
        record = page.record

        def drawn(tier: Tier) -> PageRecord:
            return draw(record, reading.cells, tier, self.codec)

        faded, kept = fading_fate(record, self.policy, self.now, drawn)
        if faded is None or kept:
            self._keep(page)
            return
        edit, index = self.records.edit(), redrawn_index(reading.spans, self.policy.uncertain)
        due = self._later(self.policy.page_due(faded))
        edit.put_page(faded, due, expect=page.entry.version, index=index)
        if self._commit_page(page, edit):
            self._moved(record.id, _label(record), faded)

    def _set_aside(self, entry: Entry, error: FormatError) -> None:
        """Report an entry that cannot be read; it stays as it is."""
        scope = str(self.records.scope)
        self.tally.unreadable.append(Unreadable(scope=scope, entry=entry.key, reason=str(error)))
        edit = self.records.edit()
        edit.reschedule(entry, self.now + RETRY_AFTER)
        self._commit(edit)

    def _later(self, due: float | None) -> float | None:
        """A due time; one that has passed, which only the floor holds up, is put off."""
        return due if due is None or due > self.now else self.now + RETRY_AFTER

    def _commit_page(self, page: DuePage, edit: Edit) -> bool:
        """Commit, and count the page's bytes before and after."""
        if not self._commit(edit):
            return False
        self.tally.bytes_before += len(page.entry.value)
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


def set_pinned(records: ScopeRecords, turn: str, policy: DecayPolicy, *, pinned: bool) -> None:
    """Keep a turn from fading, on its pages and in the tail, or let it fade again. Raises
    InputError for a turn the scope does not hold, and ConflictError if others keep writing."""

    def attempt() -> None:
        (number,) = records.turn_numbers([turn])
        if number is None:
            raise InputError(f"{records.scope} holds no turn {turn!r}; `reconstruct` lists the ids")
        edit = records.edit()
        state, version = records.state()
        edit.put_state(replace(state, epoch=new_epoch()), version)
        _pin_chunks(records, edit, number, policy, pinned)
        _pin_pages(records, edit, number, policy, pinned)
        edit.commit()

    retry(attempt, records.scope, "pin")


def _pin_chunks(
    records: ScopeRecords, edit: Edit, number: int, policy: DecayPolicy, pinned: bool
) -> None:
    for chunk in records.chunks_of(number):
        chunk = replace(chunk, pinned=pinned)
        edit.put_chunk(chunk, policy.chunk_due(chunk), expect=None)


def _pin_pages(
    records: ScopeRecords, edit: Edit, number: int, policy: DecayPolicy, pinned: bool
) -> None:
    for found in records.pages(holding(records.page_keys(), number)):
        if found:
            spans = tuple(
                replace(span, pinned=pinned) if span.position.sequence == number else span
                for span in found.record.spans
            )
            page = replace(found.record, spans=spans)
            edit.put_page(page, policy.page_due(page), expect=found.version)


def _label(page: PageRecord) -> str:
    return page.tier.label if page.tier else "text"
