"""The segments of a scope: read by need, written with the edits that concern them.

Whoever takes a page out of the index goes through `take_out`, which leaves nothing of the page in
any segment and fails if the index changed meanwhile.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from optimem.errors import ConflictError, FormatError
from optimem.memory.records.edits import Edit
from optimem.memory.records.page_index import PageIndex
from optimem.memory.records.records import EntryKind, PageKey
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.records.segment_serialization import block_reader, head_reader
from optimem.memory.records.segments import LOST, Block, Segment, SegmentHead, SegmentKey
from optimem.memory.records.vector_records import take_out_vectors

Heads = dict[SegmentKey, SegmentHead]


def segment_heads(records: ScopeRecords, known: Mapping[SegmentKey, SegmentHead]) -> Heads:
    """The segments of a scope in reading order, without those that cannot be read. Those `known`
    are not fetched again."""
    while True:
        infos = records.store.entries(records.scope, EntryKind.SEGMENT.prefix)
        keys = [SegmentKey.parse(info.key) for info in infos]
        missing = [key for key in keys if key not in known]
        entries = records.store.get(records.scope, [key.head for key in missing])
        if None in entries:
            continue  # merged since they were listed
        read = head_reader(records.store)
        found = {
            key: records.unpacked(read, entry)
            for key, entry in zip(missing, entries, strict=True)
            if entry
        }
        heads = {key: known.get(key) or found[key] for key in keys}
        return {key: head for key, head in heads.items() if head is not None}


def fetch_blocks(records: ScopeRecords, keys: Sequence[str]) -> dict[str, Block]:
    """Blocks by their keys, `LOST` for one that cannot be read. Raises ConflictError if a segment
    was replaced."""
    read, found = block_reader(records.store), dict[str, Block]()
    for key, entry in zip(keys, records.store.get(records.scope, keys), strict=True):
        if entry is None:
            _note_missing(records, key)
        found[key] = (entry and records.unpacked(read, entry)) or LOST
    return found


def _note_missing(records: ScopeRecords, key: str) -> None:
    """Note a block that is gone from a segment that is there. Raises ConflictError if that was
    replaced."""
    if records.store.get(records.scope, [SegmentKey.parse(key).head]) == [None]:
        raise ConflictError(f"the index of {records.scope} changed; read it again")
    records.report(key, FormatError("a part of the index is missing"))


def whole_segment(records: ScopeRecords, key: SegmentKey, head: SegmentHead) -> Segment | None:
    """A segment with all its postings; None if some cannot be read. Raises ConflictError if it was
    replaced."""
    keys = [key.block(number) for number in range(len(head.starts))]
    blocks = list(fetch_blocks(records, keys).values())
    return None if any(block.lost for block in blocks) else Segment.whole(head, blocks)


def page_words(records: ScopeRecords, key: PageKey) -> PageIndex | None:
    """The words of a page, wherever they are; None if they are nowhere."""
    own = records.index_entries([key], {}).get(key)
    if own:
        return own.record
    for name, head in segment_heads(records, {}).items():
        if key in head.pages:
            segment = whole_segment(records, name, head)
            return segment.only(key) if segment else None
    return None


def take_out(records: ScopeRecords, edit: Edit, pages: Collection[PageKey]) -> None:
    """Put segments of words and of vectors without some pages in the place of those that hold them.
    One of words that cannot be read is removed: `optimem check --repair` makes the index of its
    pages anew. The edit then fails with ConflictError if the index of the scope changed since."""
    records = replace(records, damage={})
    take_out_vectors(records, edit, pages)
    heads = segment_heads(records, {})
    for info in records.store.entries(records.scope, EntryKind.SEGMENT.prefix):
        key = SegmentKey.parse(info.key)
        head = heads.get(key)
        if head and not any(page in head.pages for page in pages):
            continue
        edit.remove_segment(key, records.store.entries(records.scope, key.blocks))
        whole = head and whole_segment(records, key, head)
        rest = whole and whole.without(pages)
        if rest and rest.pages:
            edit.put_segment(rest)
