"""Vectors made anew: of pages that have none, or those of another model, or that have lost some,
from what can be read of them.

May run beside writers and workers, several times, and again after an interruption.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from optimem.errors import ConflictError, FingerprintError, FormatError
from optimem.memory.recall.meaning import Meanings
from optimem.memory.recall.page_reading import PageReading, read_each
from optimem.memory.recall.retrieval import IndexRow
from optimem.memory.records.edits import Edit
from optimem.memory.records.records import PageKey, PageRecord
from optimem.memory.records.scope_records import ScopeRecords, retry
from optimem.memory.records.vector_records import scope_vectors, take_out_vectors
from optimem.memory.writing.merging import merge_index
from optimem.protocols import Entry, PageCodec, Progress
from optimem.reports import ReindexReport
from optimem.results import Unreadable

BATCH = 16
"""Pages read at a time."""


@dataclass
class Reindexer:
    """Makes the vectors of pages. `uncertain`: see `DecayPolicy`. `dry_run`: only counts."""

    meanings: Meanings
    codec: PageCodec
    uncertain: float
    dry_run: bool = False
    pages: int = 0
    current: int = 0
    skipped: int = 0
    bytes: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)

    def reindex(
        self, scopes: Sequence[ScopeRecords], progress: Progress | None = None
    ) -> ReindexReport:
        """Make what is missing in some scopes. Raises EmbeddingError; what was made stays."""
        wanted = [(records, key) for records in scopes for key in self._wanted(records)]
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            for records in dict.fromkeys(records for records, _ in batch):
                self._make(records, [key for of, key in batch if of is records])
            if progress:
                progress(start + len(batch), len(wanted))
        if not self.dry_run:
            for records in scopes:
                merge_index(records)
        return ReindexReport(
            pages=self.pages,
            current=self.current,
            skipped=self.skipped,
            bytes=self.bytes,
            unreadable=self.unreadable,
        )

    def _wanted(self, records: ScopeRecords) -> list[PageKey]:
        """Pages without all their vectors; damaged vectors count as none."""
        keys = records.page_keys()
        known = scope_vectors(replace(records, damage={}), keys).by_page()
        right = {k for k, found in known.items() if found.whole and self.meanings.made(found)}
        self.current += len(right)
        return [key for key in keys if key not in right]

    def _make(self, records: ScopeRecords, keys: Sequence[PageKey]) -> None:
        if self.dry_run:
            self.pages += len(keys)
            return
        dues = {info.key: info.due for info in records.store.entries(records.scope, "page:")}
        pages = self._pages(records, keys)
        readings = read_each([record for _, record in pages], self.codec)
        for (entry, record), reading in zip(pages, readings, strict=True):
            if isinstance(reading, PageReading):
                self._put(records, entry, record, reading, dues.get(entry.key))
            else:
                self._leave(records, entry, reading)

    def _pages(
        self, records: ScopeRecords, keys: Sequence[PageKey]
    ) -> list[tuple[Entry, PageRecord]]:
        found = list[tuple[Entry, PageRecord]]()
        for entry in records.due_entries([key.page for key in keys]):
            try:
                record = records.unpack(entry)
            except FormatError as error:
                self._leave(records, entry, error)
                continue
            assert isinstance(record, PageRecord)
            found.append((entry, record))
        return found

    def _put(
        self,
        records: ScopeRecords,
        entry: Entry,
        record: PageRecord,
        reading: PageReading,
        due: float | None,
    ) -> None:
        """Commit the vectors of a page, unless somebody changed or removed it meanwhile."""
        rows = [IndexRow.of(s.span, s.reading.marked(self.uncertain)) for s in reading.spans]
        vectors = self.meanings.of(rows)

        def attempt() -> Edit | None:
            edit = records.edit()
            edit.reschedule(entry, due)
            take_out_vectors(records, edit, [record.key])
            edit.put_vectors(record.key, vectors)
            if edit.try_commit():
                return edit
            if [found.version for found in records.due_entries([entry.key])] == [entry.version]:
                raise ConflictError(f"{records.scope} changed; run it again")
            return None

        edit = retry(attempt, records.scope, "reindex")
        if edit:
            self.pages += 1
            self.bytes += len(edit.changes[-1].value or b"")
        else:
            self.skipped += 1

    def _leave(self, records: ScopeRecords, entry: Entry, error: FormatError) -> None:
        reason = str(error)
        if isinstance(error, FingerprintError):
            reason = f"{error}; `optimem reencode` first"
        found = Unreadable(scope=str(records.scope), entry=entry.key, reason=reason)
        self.unreadable.append(found)
