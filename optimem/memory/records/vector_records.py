"""The vectors of a scope's pages, wherever they are: at first beside their page, later in a segment
with those of others. Read by need, written with the edits that concern them.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from optimem.memory.records.edits import Edit
from optimem.memory.records.records import STAMP_KEY, EntryKind, PageKey
from optimem.memory.records.scope_records import ScopeRecords, Stored
from optimem.memory.records.segments import SegmentKey
from optimem.memory.records.vector_segments import VectorSegment, vector_segment_reader
from optimem.memory.records.vectors import PageVectors


class ScopeVectors(NamedTuple):
    """Vectors as they are stored: `entries` beside pages, and `segments`."""

    entries: Mapping[PageKey, Stored[PageVectors]]
    segments: Mapping[SegmentKey, VectorSegment]

    def by_page(self) -> dict[PageKey, PageVectors]:
        """The vectors of each page that has any."""
        merged = {
            key: found for segment in self.segments.values() for key, found in segment.items()
        }
        return merged | {key: found for key, (found, _) in self.entries.items()}


NOTHING = ScopeVectors({}, {})


def scope_vectors(
    records: ScopeRecords, pages: Iterable[PageKey], known: ScopeVectors = NOTHING
) -> ScopeVectors:
    """The vectors of some pages, and segments with those of all, as far as they can be read. What
    is `known` is not fetched again. Entries are listed before segments, so that what is merged
    meanwhile is not missed."""
    entries = records.vector_entries(pages, known.entries)
    while True:
        keys = vector_segment_keys(records)
        missing = [key for key in keys if key not in known.segments]
        found = read_vector_segments(records, missing)
        if None not in found.values():
            return ScopeVectors(entries, {k: known.segments.get(k) or found[k] or {} for k in keys})


def vector_segment_keys(records: ScopeRecords) -> list[SegmentKey]:
    """The segments of vectors in reading order."""
    infos = records.store.entries(records.scope, EntryKind.VECTOR_SEGMENT.prefix)
    return [SegmentKey.parse(info.key) for info in infos]


def read_vector_segments(
    records: ScopeRecords, keys: Collection[SegmentKey]
) -> dict[SegmentKey, VectorSegment | None]:
    """Segments of vectors; None for one that is gone, empty for one that cannot be read."""
    entries = records.store.get(records.scope, [key.vectors for key in keys]) if keys else []
    read = vector_segment_reader(records.store)
    return {
        key: entry and (records.unpacked(read, entry) or {})
        for key, entry in zip(keys, entries, strict=True)
    }


def page_vectors(records: ScopeRecords, key: PageKey) -> PageVectors | None:
    """The vectors of a page, if it has any."""
    own = records.vector_entries([key], {}).get(key)
    if own:
        return own.record
    return next((segment[key] for _, segment in _holding(records, [key])), None)


def take_out_vectors(records: ScopeRecords, edit: Edit, pages: Collection[PageKey]) -> None:
    """Put segments of vectors without some pages in the place of those that hold them. The edit
    then fails with ConflictError if the index of the scope changed since."""
    (stamp,) = records.store.get(records.scope, [STAMP_KEY])
    edit.expect_stamp(stamp.version if stamp else 0)
    for key, segment in _holding(records, pages):
        edit.remove_vector_segment(key)
        rest = {page: found for page, found in segment.items() if page not in pages}
        if rest:
            edit.put_vector_segment(rest)


def _holding(
    records: ScopeRecords, pages: Collection[PageKey]
) -> Iterable[tuple[SegmentKey, VectorSegment]]:
    """The segments that hold some pages. Each is looked for from its place back, since a segment is
    named by its first page."""
    keys, read = vector_segment_keys(records), dict[SegmentKey, VectorSegment]()
    found = dict[SegmentKey, None]()
    for page in sorted(pages):
        for key in reversed(keys[: bisect_right(keys, page.position, key=lambda k: k.position)]):
            if key not in read:
                read[key] = read_vector_segments(records, [key])[key] or {}
            if page in read[key]:
                found[key] = None
                break
    return [(key, read[key]) for key in found]
