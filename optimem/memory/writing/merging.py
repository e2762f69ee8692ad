"""The words and the vectors of a scope, merged as they grow: entries of pages into segments,
segments into larger ones, each by the size of its neighbours, so that a posting is written a few
times at most and a scope has few segments.

A merge is one commit, and changes nothing that is found; of several at the same time one wins. A
page that was drawn again has an entry beside its segment until enough of these are there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from optimem.errors import ConflictError
from optimem.memory.records.page_index import PageIndex
from optimem.memory.records.records import EntryKind, PageKey
from optimem.memory.records.scope_records import ScopeRecords, Stored
from optimem.memory.records.segment_records import Heads, segment_heads, whole_segment
from optimem.memory.records.segments import Segment, SegmentHead, SegmentKey
from optimem.memory.records.vector_records import read_vector_segments
from optimem.memory.records.vectors import PageVectors

FAN = 8
"""Neighbours of like size that are merged, and the part of a segment's pages that may have entries
of their own."""
SMALL = 1536
"""Bytes in whose multiples units are measured: a page's words take some 4,000."""
LARGEST = 1 << 21
"""Bytes of the largest segment, which a forgotten turn has written anew."""
LARGEST_VECTORS = 1 << 18
"""The same of vectors, of which each page that `optimem reindex` takes has a segment written."""


class Unit(NamedTuple):
    """Something to merge: a segment, or the entry of a page that is in none. `size`: bytes."""

    key: PageKey | SegmentKey
    size: int

    @property
    def level(self) -> int:
        """Grows by one with each eightfold size; 0 for a page."""
        return (max(self.size // SMALL, 1).bit_length() - 1) // 3


def merge_index(records: ScopeRecords) -> int:
    """Merge what there is to merge, once enough pages have entries of their own; the number of
    merges. Left to others if they are faster."""
    records, merges = replace(records, damage={}), 0  # damage is left to `check`
    if len(records.index_sizes()) >= FAN:
        while _merge_words(records):
            merges += 1
    if len(records.vector_sizes()) >= FAN:
        while _merge_vectors(records):
            merges += 1
    return merges


def _merge_vectors(records: ScopeRecords) -> bool:
    infos = records.store.entries(records.scope, EntryKind.VECTOR_SEGMENT.prefix)
    units = [Unit(SegmentKey.parse(info.key), info.size) for info in infos]
    units += [Unit(key, size) for key, size in records.vector_sizes().items()]
    chosen = _neighbours(sorted(units), LARGEST_VECTORS)
    entries = records.vector_entries([key for key in chosen if isinstance(key, PageKey)], {})
    wanted = [key for key in chosen if isinstance(key, SegmentKey)]
    segments = read_vector_segments(records, wanted)
    if len(entries) + len(segments) < 2 or not all(segments.values()):
        return False
    edit, merged = records.edit(), dict[PageKey, PageVectors]()
    for key, segment in segments.items():
        edit.remove_vector_segment(key)
        merged |= segment or {}
    for page, (vectors, version) in entries.items():
        edit.remove_vectors(page, version)
        merged[page] = vectors
    edit.put_vector_segment(merged)
    return edit.try_commit()


def _merge_words(records: ScopeRecords) -> bool:
    sizes = records.index_sizes()
    heads = segment_heads(records, {})
    held = {page: key for key, head in heads.items() for page in head.pages}
    fresh = [Unit(key, size) for key, size in sizes.items() if key not in held]
    units = sorted([*fresh, *(Unit(key, head.size) for key, head in heads.items())])
    chosen = _neighbours(units) or _redrawn(heads, [held[key] for key in sizes if key in held])
    if not chosen:
        return False
    pages = {key for key in chosen if isinstance(key, PageKey)}
    pages |= {page for page in sizes if held.get(page) in chosen}
    try:
        return _merge(records, {key: heads[key] for key in heads if key in chosen}, pages)
    except ConflictError:
        return False


def _neighbours(units: Sequence[Unit], largest: int = LARGEST) -> list[PageKey | SegmentKey]:
    """Units in a row of which enough are of one level, the lowest that there is, and none of a
    higher one. `largest`: bytes that they take together at most."""
    for level in sorted({unit.level for unit in units}):
        run = list[Unit]()
        for unit in [*units, None]:
            if unit and unit.level <= level:
                run.append(unit)
                continue
            enough = sum(each.level == level for each in run) >= FAN
            if enough and len(fitting := _fitting(run, largest)) > 1:
                return [each.key for each in fitting]
            run = []
    return []


def _fitting(run: Sequence[Unit], largest: int) -> list[Unit]:
    """As many of a run as make a segment."""
    fitting, size = list[Unit](), 0
    for unit in run:
        size += unit.size
        if size > largest:
            break
        fitting.append(unit)
    return fitting


def _redrawn(heads: Heads, entries: Sequence[SegmentKey]) -> list[PageKey | SegmentKey]:
    """A segment of which enough pages have entries of their own. `entries`: of each, its
    segment."""
    for key, head in heads.items():
        if entries.count(key) * FAN >= max(len(head.pages), FAN):
            return [key]
    return []


def _merge(
    records: ScopeRecords, heads: Mapping[SegmentKey, SegmentHead], pages: set[PageKey]
) -> bool:
    """Put one segment in the place of some segments and index entries."""
    edit, parts = records.edit(), list[Segment]()
    entries: Mapping[PageKey, Stored[PageIndex]] = records.index_entries(pages, {})
    for key, head in heads.items():
        whole = whole_segment(records, key, head)
        if whole is None:
            return False
        parts.append(whole.without(entries))
        edit.remove_segment(key, records.store.entries(records.scope, key.blocks))
    for page, (index, version) in entries.items():
        parts.append(Segment.of(page, index))
        edit.remove_index(page, version)
    if not parts:
        return False
    edit.put_segment(Segment.joined(parts))
    return edit.try_commit()
