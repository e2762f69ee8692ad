"""Decay: pages whose time has come are redrawn smaller from what can still be read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from optimem import codec, keys
from optimem.compression import PageReader
from optimem.decay import RETRY, DecayPolicy
from optimem.errors import ConflictError
from optimem.keys import PageKey
from optimem.memory.drawing import draw
from optimem.memory.reading import PageReading, read_pages
from optimem.memory.shelf import Shelf, Stored, page_changes, page_removal
from optimem.protocols import Change, Store
from optimem.records import PageIndex, PageRecord
from optimem.results import Move, SweepReport
from optimem.retrieval import index_page
from optimem.tiers import Tier
from optimem.turns import Scope

BATCH = 64
"""Due pages claimed at a time."""

Progress = Callable[[int], None]
"""Called with the number of pages looked at so far."""


@dataclass
class Tally:
    """What a sweep has come to."""

    moves: list[Move]
    kept: int = 0
    skipped: int = 0
    before: int = 0
    after: int = 0


@dataclass(frozen=True)
class Fader:
    """Lets pages fade. `dry_run`: only say what would happen; nothing is claimed or changed."""

    store: Store
    reader: PageReader
    policy: DecayPolicy
    now: float
    dry_run: bool

    def sweep(self, limit: int | None, lease: float, progress: Progress | None) -> SweepReport:
        """Look at every due page, or `limit` of them."""
        tally, seen = Tally([]), set[tuple[Scope, str]]()
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
        return SweepReport(
            moves=tally.moves,
            kept=tally.kept,
            skipped=tally.skipped,
            bytes_before=tally.before,
            bytes_after=tally.after,
        )

    def _offers(self, size: int, lease: float, seen: int) -> list[tuple[Scope, str]]:
        if self.dry_run:
            return self.store.overdue(self.now, seen + size)[seen:]
        return self.store.due(self.now, size, lease)

    def _fade_scope(self, shelf: Shelf, names: Sequence[str], tally: Tally) -> None:
        wanted = [PageKey.parse(name) for name in names if name.startswith(keys.PAGES)]
        stored = [found for found in shelf.pages(wanted) if found]
        readings = read_pages([found.record for found in stored], self.reader)
        for found, reading in zip(stored, readings, strict=True):
            self._fade(shelf, found, reading, tally)

    def _fade(
        self, shelf: Shelf, found: Stored[PageRecord], reading: PageReading, tally: Tally
    ) -> None:
        record, version = found
        key = PageKey(record.position, record.id)
        age = max(self.now - record.accessed, 0.0)
        target = self.policy.tier_at(age)
        if record.pinned or (record.tier is None and target is not None):
            changes, move = [self._unchanged(record, version, None)], None
        elif target is None:
            changes, move = self._forget(record, key, version), self._move(shelf, record, None, 0)
        else:
            changes, move = self._smaller(shelf, record, reading, target, version)
        if not self.dry_run:
            try:
                shelf.store.commit(shelf.scope, changes)
            except ConflictError:
                tally.skipped += 1
                return
        self._count(found, changes, move, tally)

    def _count(
        self, found: Stored[PageRecord], changes: Sequence[Change], move: Move | None, tally: Tally
    ) -> None:
        tally.before += len(codec.pack_page(found.record))
        tally.after += sum(
            len(change.value)
            for change in changes
            if change.value and change.key.startswith(keys.PAGES)
        )
        if move:
            tally.moves.append(move)
        else:
            tally.kept += 1

    def _unchanged(self, record: PageRecord, version: int, due: float | None) -> Change:
        return page_changes(record, _NO_WORDS, due, version)[0]

    def _forget(self, record: PageRecord, key: PageKey, version: int) -> list[Change]:
        ended = [keys.turn_key(s.key) for s in record.spans if s.starts and s.ends]
        return [*page_removal(key, version), *(Change(name, None) for name in ended)]

    def _smaller(
        self, shelf: Shelf, record: PageRecord, reading: PageReading, target: Tier, version: int
    ) -> tuple[list[Change], Move | None]:
        """The page at the smallest tier, from the target up, that its floor allows."""
        current = record.tier or Tier.LARGE
        for tier in (tier for tier in Tier if target <= tier < current):
            faded = redraw(record, reading, tier, self.reader)
            if 1 - faded.error >= self.policy.floor:
                due = self._later(self.policy.due(tier, record.accessed))
                index = index_of(faded, self.reader, self.policy.uncertain)
                move = self._move(shelf, record, tier, 1 - faded.error)
                return page_changes(faded, index, due, version), move
        due = self._later(self.policy.due(current, record.accessed))
        return [self._unchanged(record, version, due)], None

    def _later(self, due: float | None) -> float | None:
        """A due time that has passed is one that the floor holds up: try again after a while."""
        return due if due is None or due > self.now else self.now + RETRY

    def _move(self, shelf: Shelf, record: PageRecord, tier: Tier | None, right: float) -> Move:
        return Move(
            scope=str(shelf.scope),
            page=record.id,
            before=record.tier.label if record.tier else "text",
            after=tier.label if tier else None,
            expected_accuracy=right,
        )


_NO_WORDS: PageIndex = index_page([])


def redraw(record: PageRecord, reading: PageReading, tier: Tier, reader: PageReader) -> PageRecord:
    """The page at another tier, drawn from what was read of it. Errors add up."""
    (draft,) = draw([(reading.cells, record.spans)], tier, reader)
    return replace(
        record,
        body=draft.tokens,
        verbatim=draft.verbatim,
        doubts=draft.doubts,
        error=1 - (1 - record.error) * (1 - draft.error),
    )


def index_of(record: PageRecord, reader: PageReader, uncertain: float) -> PageIndex:
    """A page's index entry, made from what can be read of it with certainty."""
    (reading,) = read_pages([record], reader)
    return index_page([(s.span.position.sequence, s.marked(uncertain)) for s in reading.spans])
