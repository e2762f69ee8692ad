"""Changes to a scope's entries that are committed together or not at all, and only if the entries
are still at the versions that were read.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from optimem.errors import ConflictError
from optimem.memory.records import page_serialization, serialization
from optimem.memory.records.index_serialization import pack_index
from optimem.memory.records.page_index import PageIndex
from optimem.memory.records.records import (
    STAMP_KEY,
    STATE_KEY,
    Chunk,
    EntryKind,
    PageKey,
    PageRecord,
    Position,
    ScopeState,
    TurnNumber,
    chunk_key,
    entry_place,
    image_key,
    turn_key,
)
from optimem.memory.records.segment_serialization import pack_block, pack_head
from optimem.memory.records.segments import Segment, SegmentKey
from optimem.memory.records.vector_segments import VectorSegment, pack_vector_segment
from optimem.memory.records.vectors import PageVectors, pack_vectors
from optimem.memory.records.word_secret import make_word_secret
from optimem.protocols import Change, Entry, EntryInfo, Store
from optimem.turns import Scope

STAMP = 12
"""Random bytes of a stamp."""


@dataclass(frozen=True)
class Edit:
    """Changes to a scope's entries. `expect`: the version that an entry must still have at the
    commit; 0 if it must not exist, None for any."""

    store: Store
    scope: Scope
    changes: list[Change] = field(default_factory=list)

    def put_state(self, state: ScopeState, expect: int) -> None:
        """Write the scope's state."""
        data = serialization.pack_state(state, self._place(STATE_KEY))
        self.changes.append(Change(STATE_KEY, data, expect))

    def put_turn(self, turn: str, number: TurnNumber, expect: int | None = 0) -> None:
        """Write a turn's number, by default of a new turn."""
        key = turn_key(turn)
        data = serialization.pack_number(number, self._place(key))
        self.changes.append(Change(key, data, expect))

    def remove_turn(self, turn: str) -> None:
        """Remove a turn's number, and the image that it describes, if it does."""
        self.changes.extend(Change(key, None) for key in turn_keys(turn))

    def put_chunk(self, chunk: Chunk, due: float | None, expect: int | None) -> None:
        """Write a chunk."""
        key = chunk_key(chunk.position)
        data = serialization.pack_chunk(chunk, self._place(key))
        self.changes.append(Change(key, data, expect, due))

    def remove_chunk(self, position: Position, expect: int | None = None) -> None:
        """Remove the chunk that starts at a position."""
        self.changes.append(Change(chunk_key(position), None, expect))

    def put_page(
        self,
        record: PageRecord,
        due: float | None,
        expect: int | None,
        index: PageIndex | None = None,
    ) -> None:
        """Write a page, and its index entry; without `index` that stays as it is, as vectors do."""
        key = record.key.page
        data = page_serialization.pack_page(record, self._place(key))
        self.changes.append(Change(key, data, expect, due))
        if index is not None:
            self.put_index(record.key, index)

    def put_index(self, key: PageKey, index: PageIndex) -> None:
        """Write a page's index entry."""
        data = pack_index(index, self._place(key.words), make_word_secret(self.store))
        self.changes.append(Change(key.words, data))

    def put_vectors(self, key: PageKey, vectors: PageVectors) -> None:
        """Write the vectors of a page's turns."""
        data = pack_vectors(vectors, self._place(key.vectors), make_word_secret(self.store))
        self.changes.append(Change(key.vectors, data))

    def put_segment(self, segment: Segment) -> None:
        """Write a new segment."""
        key, secret = SegmentKey.new(segment.pages[0].position), make_word_secret(self.store)
        blocks, size = segment.split(), 0
        for number, block in enumerate(blocks):
            name = key.block(number)
            data = pack_block(block, self._place(name), secret)
            self.changes.append(Change(name, data, 0))
            size += len(data)
        head = pack_head(segment, blocks, size, self._place(key.head), secret)
        self.changes.append(Change(key.head, head, 0))

    def remove_segment(self, key: SegmentKey, blocks: Iterable[EntryInfo]) -> None:
        """Remove a segment, which must still be there, with its blocks."""
        self.changes.append(Change(key.head, None, 1))
        self.changes.extend(Change(block.key, None) for block in blocks)

    def put_vector_segment(self, segment: VectorSegment) -> None:
        """Write a new segment of vectors."""
        key = SegmentKey.new(min(segment).position).vectors
        data = pack_vector_segment(segment, self._place(key), make_word_secret(self.store))
        self.changes.append(Change(key, data, 0))

    def remove_vector_segment(self, key: SegmentKey) -> None:
        """Remove a segment of vectors, which must still be there."""
        self.changes.append(Change(key.vectors, None, 1))

    def remove_vectors(self, key: PageKey, expect: int) -> None:
        """Remove the vectors of a page."""
        self.changes.append(Change(key.vectors, None, expect))

    def remove_index(self, key: PageKey, expect: int) -> None:
        """Remove a page's index entry."""
        self.changes.append(Change(key.words, None, expect))

    def expect_stamp(self, version: int) -> None:
        """Commit only if the pages, words and vectors of the scope are as they were when its stamp
        had this version."""
        self.changes.append(Change(STAMP_KEY, None, version))

    def remove_entry(self, key: str) -> None:
        """Remove an entry, whatever it holds."""
        self.changes.append(Change(key, None))

    def remove_page(self, key: PageKey, expect: int) -> None:
        """Remove a page with its words and vectors."""
        self.changes.append(Change(key.page, None, expect))
        self.changes.extend(Change(other, None) for other in (key.words, key.vectors))

    def reschedule(self, entry: Entry, due: float | None) -> None:
        """Put an entry, as it is, back in the due queue; None for never."""
        self.changes.append(Change(entry.key, entry.value, entry.version, due))

    def _place(self, key: str) -> bytes:
        return entry_place(self.scope, key)

    @property
    def page_bytes(self) -> int:
        """Bytes of the pages that it writes."""
        written = (c for c in self.changes if EntryKind.of(c.key) is EntryKind.PAGE)
        return sum(len(change.value) for change in written if change.value)

    def commit(self) -> None:
        """Make all changes or none, with a new stamp if pages, words or vectors come or go. Raises
        ConflictError if an entry is not as expected."""
        if any(map(_is_listed, self.changes)):
            others = [change for change in self.changes if change.key != STAMP_KEY]
            known = [c.expect for c in self.changes if c.key == STAMP_KEY and c.expect is not None]
            stamp = serialization.pack_stamp(secrets.token_bytes(STAMP), self._place(STAMP_KEY))
            self.store.commit(self.scope, [*others, Change(STAMP_KEY, stamp, *known[:1])])
        else:
            self.store.commit(self.scope, self.changes)

    def try_commit(self) -> bool:
        """Make all changes or none; False if an entry is not as expected."""
        try:
            self.commit()
        except ConflictError:
            return False
        return True


def _is_listed(change: Change) -> bool:
    """Whether what readers know of a scope's pages is wrong after a change. A page that is written
    again without its index stays in its place."""
    kind = EntryKind.of(change.key)
    comes_or_goes = change.value is None or change.expect == 0
    return kind in _INDEXES or (kind is EntryKind.PAGE and comes_or_goes)


_INDEXES = (
    EntryKind.INDEX, EntryKind.SEGMENT, EntryKind.VECTORS, EntryKind.VECTOR_SEGMENT, EntryKind.STAMP
)  # fmt: skip


def turn_keys(turn: str) -> list[str]:
    """Keys that belong to a turn wherever its text lies: of its number and of its image."""
    return [key for key in (turn_key(turn), image_key(turn)) if key]
