"""A store's pages written anew by today's model, where another one wrote them.

Turns keep their ids, roles, times and pins; pages their tier, ages and due times. What was exact
stays exact, and what was certain stays as it was read, by corrections; what was doubtful stays
marked. Each page is committed by itself, if nobody changed it meanwhile, so this runs beside
writers and workers, and goes on where it stopped. A page that cannot be read is named and left as
it is.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from optimem.errors import ConflictError, FingerprintError, FormatError
from optimem.memory.decay import DecayPolicy
from optimem.memory.recall.page_reading import PageReading, read_each
from optimem.memory.records.edits import Edit
from optimem.memory.records.records import EntryKind, PageRecord
from optimem.memory.records.scope_records import ScopeRecords, retry
from optimem.memory.records.segment_records import page_words, take_out
from optimem.memory.records.vector_records import page_vectors
from optimem.memory.writing.drawing import Drawing, draw_together, redrawn_index
from optimem.memory.writing.relayout import lay_out_anew
from optimem.memory.writing.tail import chunk_cells, new_epoch
from optimem.protocols import Entry, EntryInfo, PageCodec, Progress, VisionTokens
from optimem.reports import ReencodeReport
from optimem.results import Unreadable
from optimem.text.keeping import Keep
from optimem.tiers import Tier

BATCH = 8
"""Pages read and drawn together."""
ATTEMPTS = 10
"""Times a page is looked at again because somebody else changes it."""


@dataclass
class Tally:
    """Counts of a run; see `ReencodeReport`. `total`: pages of all scopes when it began."""

    total: int
    looked_at: int = 0
    pages: int = 0
    current: int = 0
    skipped: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    unreadable: dict[tuple[str, str], Unreadable] = field(default_factory=dict)
    encoders: Counter[str] = field(default_factory=Counter)

    def report(self) -> ReencodeReport:
        """The report of the run."""
        return ReencodeReport(
            pages=self.pages,
            current=self.current,
            skipped=self.skipped,
            unreadable=list(self.unreadable.values()),
            encoders=dict(self.encoders),
            bytes_before=self.bytes_before,
            bytes_after=self.bytes_after,
        )


class OldPage(NamedTuple):
    """A page of another model: its record, its stored entry, and when it is due."""

    record: PageRecord
    entry: Entry
    due: float | None


@dataclass(frozen=True)
class Reencoder:
    """Writes pages anew with `codec`. `reader`: of the model that wrote them; without one, or for
    pages of a third model, they are only named. `dry_run`: change nothing, and decode nothing."""

    codec: PageCodec
    policy: DecayPolicy
    reader: PageCodec | None
    dry_run: bool

    def reencode(
        self, scopes: Sequence[ScopeRecords], progress: Progress | None = None
    ) -> ReencodeReport:
        """Write the pages of some scopes anew. `progress`: called with the pages looked at and all
        pages."""
        tally = Tally(sum(records.count(EntryKind.PAGE) for records in scopes))
        for records in scopes:
            ScopeReencoder(self, replace(records, damage={}), tally, progress).run()
        return tally.report()


@dataclass(frozen=True)
class ScopeReencoder:
    """Writes the pages of one scope anew. `settled`: keys of pages that need no further look."""

    job: Reencoder
    records: ScopeRecords
    tally: Tally
    progress: Progress | None
    settled: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Write every page anew that another model wrote."""
        for _ in range(ATTEMPTS):
            infos = self._unsettled()
            if not infos:
                break
            for start in range(0, len(infos), BATCH):
                self._batch(infos[start : start + BATCH])
        self.tally.skipped += len(self._unsettled())
        if not (self.job.dry_run or self._drawn_alike):
            self._count_tail()

    def _unsettled(self) -> list[EntryInfo]:
        """Pages that were not looked at yet, or that others changed at that time."""
        infos = self.records.store.entries(self.records.scope, EntryKind.PAGE.prefix)
        return [info for info in infos if info.key not in self.settled]

    def _batch(self, infos: Sequence[EntryInfo]) -> None:
        """Write some pages anew."""
        entries = self.records.store.get(self.records.scope, [info.key for info in infos])
        found = list(zip(infos, entries, strict=True))
        missed = {info.key for info, entry in found if entry and entry.version != info.version}
        old = [
            page
            for info, entry in found
            if entry and entry.version == info.version and (page := self._old(entry, info.due))
        ]
        if self.job.dry_run:
            for page in old:
                self._count(page, 0)
        elif self.job.reader:
            missed |= self._write_anew(old, self.job.reader)
        self.settled.update({info.key for info in infos} - missed)
        self.tally.looked_at += len(infos) - len(missed)
        if self.progress:
            self.progress(self.tally.looked_at, max(self.tally.looked_at, self.tally.total))

    def _old(self, entry: Entry, due: float | None) -> OldPage | None:
        """A page that must be written anew and can be read; None for any other."""
        try:
            record = self.records.unpack(entry)
        except FormatError as error:
            self._leave(entry, error)
            return None
        if not isinstance(record, PageRecord):
            return None
        today, reader = self.job.codec.encoder.fingerprint, self.job.reader
        if not isinstance(record.body, VisionTokens) or record.body.fingerprint == today:
            self.tally.current += 1
            return None
        wrote = record.body.fingerprint
        if reader is None or wrote != reader.encoder.fingerprint:
            self.tally.encoders[wrote] += 1
            self._leave(entry, FingerprintError(_needs(wrote, reader)))
            return None
        return OldPage(record, entry, due)

    def _leave(self, entry: Entry, error: FormatError) -> None:
        """Name a page that stays as it is."""
        scope = str(self.records.scope)
        found = Unreadable(scope=scope, entry=entry.key, reason=str(error))
        self.tally.unreadable[scope, entry.key] = found

    def _count(self, page: OldPage, size: int) -> None:
        assert isinstance(page.record.body, VisionTokens)
        self.tally.encoders[page.record.body.fingerprint] += 1
        self.tally.pages += 1
        self.tally.bytes_before += len(page.entry.value)
        self.tally.bytes_after += size

    def _write_anew(self, pages: Sequence[OldPage], reader: PageCodec) -> set[str]:
        """Read, draw and commit pages; the keys of those that others changed meanwhile."""
        readable, drawings = list[tuple[OldPage, PageReading]](), list[list[Drawing]]()
        readings = read_each([page.record for page in pages], reader)
        for page, reading in zip(pages, readings, strict=True):
            try:
                if isinstance(reading, FormatError):
                    raise reading
                drawings.append(self._drawings(page.record, reading))
                readable.append((page, reading))
            except FormatError as error:
                self._leave(page.entry, error)
        missed = set[str]()
        drawn = self._drawn(drawings)
        for (page, reading), new in zip(readable, drawn, strict=True):
            if not self._commit(page, reading, new):
                missed.add(page.entry.key)
        return missed

    @property
    def _drawn_alike(self) -> bool:
        """Whether both models draw pages the same way, so that cells need not be laid out anew."""
        reader = self.job.reader
        return reader is None or reader.renderer.version == self.job.codec.renderer.version

    def _drawings(self, record: PageRecord, reading: PageReading) -> list[Drawing]:
        if self._drawn_alike:
            return [Drawing(record, reading.cells, Keep.ALL)]
        return lay_out_anew(record, reading, self.job.codec.renderer, str(self.records.scope))

    def _drawn(self, drawings: Sequence[Sequence[Drawing]]) -> list[list[PageRecord]]:
        """Pages drawn at the tiers that they had, those of a tier together."""
        tiers = defaultdict[Tier, list[Drawing]](list)
        for drawing in (each for parts in drawings for each in parts):
            assert drawing.record.tier
            tiers[drawing.record.tier].append(drawing)
        codec, policy = self.job.codec, self.job.policy
        drawn = {t: iter(draw_together(some, t, codec, policy)) for t, some in tiers.items()}
        return [
            [next(drawn[each.record.tier]) for each in parts if each.record.tier]
            for parts in drawings
        ]

    def _commit(self, page: OldPage, reading: PageReading, new: Sequence[PageRecord]) -> bool:
        """Put new pages in the place of a page; False if somebody changed it first."""
        exact = all(read.exact for read in reading.spans)
        kept = Keep.ALL if exact else _at_most_values(page.record.kept)
        new = [replace(each, kept=kept) for each in new]

        def attempt() -> int | None:
            edit = self.records.edit()
            if len(new) == 1:
                edit.put_page(new[0], page.due, expect=page.entry.version)
            else:
                self._split(edit, page, reading, new)
            if edit.try_commit():
                return edit.page_bytes
            found = self.records.due_entries([page.entry.key])
            if [entry.version for entry in found] == [page.entry.version]:
                raise ConflictError(f"{self.records.scope} changed; run it again")
            return None

        size = retry(attempt, self.records.scope, "reencode")
        if size is not None:
            self._count(page, size)
            self.settled.update(each.key.page for each in new)
        return size is not None

    def _split(
        self, edit: Edit, page: OldPage, reading: PageReading, new: Sequence[PageRecord]
    ) -> None:
        """Put several pages in the place of one. The scope's epoch changes, so that a reader of
        both old and new keys reads again."""
        state, version = self.records.state()
        edit.put_state(replace(state, epoch=new_epoch()), version)
        edit.remove_page(page.record.key, page.entry.version)
        known = page_words(self.records, page.record.key)
        index = known or redrawn_index(reading.spans, self.job.policy.uncertain)
        take_out(self.records, edit, [page.record.key])
        vectors = page_vectors(self.records, page.record.key)
        for part, numbers in zip(new, _first_turns(new), strict=True):
            edit.put_page(part, page.due, expect=0, index=index.of_turns(numbers))
            if vectors:
                edit.put_vectors(part.key, vectors.of_turns(numbers))

    def _count_tail(self) -> None:
        """Count the cells of the tail anew, which this renderer may need more or fewer of."""

        def attempt() -> None:
            state, version = self.records.state()
            if not version:
                return
            renderer = self.job.codec.renderer
            cells = sum(len(chunk_cells(c, renderer)) for c in self.records.chunks(state.tail))
            edit = self.records.edit()
            edit.put_state(replace(state, cells=cells), version)
            edit.commit()

        retry(attempt, self.records.scope, "reencode")


def _first_turns(pages: Sequence[PageRecord]) -> Iterator[set[int]]:
    """The numbers of the turns that begin on each part of a page: the words and vectors of a turn
    go with its first part."""
    seen = set[int]()
    for page in pages:
        numbers = {span.position.sequence for span in page.spans} - seen
        seen |= numbers
        yield numbers


def _at_most_values(kept: Keep) -> Keep:
    """What a page that is not exact can say that it keeps."""
    return Keep.VALUES if kept is Keep.ALL else kept


def _needs(wrote: str, reader: PageCodec | None) -> str:
    """What is needed for a page that `wrote` wrote."""
    given = f"{reader.encoder.fingerprint!r} was given" if reader else "none was given"
    return (
        f"written by {wrote!r}, which is needed to read it, and {given}; name its weights "
        "(--from-weights) or the model (--from-model)"
    )
