"""Checking a scope: which entries cannot be read or do not fit the others, and their repair.

An index entry is made again from its page, a turn's number from the page or chunk that holds the
turn, the scope's state from the keys of all. What is on a damaged page or chunk is lost: it is
removed, so that the rest of the scope can be written and appended to again. Tokens are not decoded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from optimem.errors import FormatError, MissingKeyError
from optimem.memory.decay import DecayPolicy
from optimem.memory.recall.page_reading import PageReading, read_each
from optimem.memory.records.edits import Edit
from optimem.memory.records.records import (
    Chunk,
    EntryKind,
    PageKey,
    PageRecord,
    Position,
    ScopeState,
    TurnNumber,
    turn_key,
)
from optimem.memory.records.scope_records import ScopeRecords, retry
from optimem.memory.records.segments import Block, SegmentHead, SegmentKey
from optimem.memory.records.settling import readings
from optimem.memory.records.vector_segments import VectorSegment
from optimem.memory.writing.drawing import redrawn_index
from optimem.memory.writing.tail import chunk_cells, new_epoch
from optimem.protocols import Entry, PageCodec
from optimem.reports import CheckReport
from optimem.results import Unreadable

BATCH = 64
"""Entries read at a time."""


def check_scopes(
    scopes: Sequence[ScopeRecords], codec: PageCodec, policy: DecayPolicy, *, repair: bool
) -> CheckReport:
    """What is wrong with the entries of some scopes; `repair` mends them."""
    checks = [ScopeCheck(records, codec, policy) for records in scopes]
    found = [check.repair() if repair else check.check() for check in checks]
    damage = [each for damaged in found for each in damaged]
    return CheckReport(scopes=len(scopes), damage=damage, repaired=repair)


@dataclass
class ScopeContents:
    """What a scope's entries hold, and `damage`: what is wrong with them, by key. `locked`: why
    something cannot be read that a key would open."""

    state: tuple[ScopeState | None, int] = (None, 0)
    pages: dict[PageKey, PageRecord] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    indexes: set[str] = field(default_factory=set)
    segments: dict[SegmentKey, SegmentHead] = field(default_factory=dict)
    blocks: set[str] = field(default_factory=set)
    vectors: set[str] = field(default_factory=set)
    vector_segments: dict[str, VectorSegment] = field(default_factory=dict)
    damage: dict[str, str] = field(default_factory=dict)
    locked: MissingKeyError | None = None

    def held(self) -> dict[str, tuple[str, int]]:
        """The id and number of each turn that a page or chunk holds, by the key of its number."""
        parts = [(p.turn, p.position) for page in self.pages.values() for p in page.spans]
        parts += [(chunk.turn, chunk.position) for chunk in self.chunks]
        return {turn_key(turn): (turn, position.sequence) for turn, position in parts}


@dataclass(frozen=True)
class ScopeCheck:
    """Checks one scope, and repairs it."""

    records: ScopeRecords
    codec: PageCodec
    policy: DecayPolicy

    def check(self) -> list[Unreadable]:
        """What is wrong with the scope's entries."""
        return self._reports(self._settled().damage)

    def repair(self) -> list[Unreadable]:
        """Repair the scope; what was wrong with it. Raises MissingKeyError, and removes nothing, if
        entries are sealed with another key, and ConflictError if others keep writing."""

        def attempt() -> list[Unreadable]:
            contents = self._settled()
            if contents.locked:
                raise MissingKeyError(f"{self.records.scope} is not repaired: {contents.locked}")
            if contents.damage:
                self._repaired(contents).commit()
            return self._reports(contents.damage)

        return retry(attempt, self.records.scope, "check")

    def _reports(self, damage: dict[str, str]) -> list[Unreadable]:
        scope = str(self.records.scope)
        return [Unreadable(scope=scope, entry=key, reason=damage[key]) for key in sorted(damage)]

    def _settled(self) -> ScopeContents:
        """What the entries hold. Entries are listed, then read; those that others write in between
        only look wrong, and no longer do in the next reading."""
        suspects: dict[str, str] | None = None
        for version, contents in readings(self.records, self._contents):
            contents.state = (contents.state[0], version)  # a repair fails if others wrote since
            if suspects is not None:
                contents.damage = {k: v for k, v in contents.damage.items() if k in suspects}
            suspects = contents.damage
            if not suspects:
                break
        return contents

    def _contents(self) -> ScopeContents:
        contents, store = ScopeContents(), self.records.store
        keys = [info.key for info in store.entries(self.records.scope)]
        for start in range(0, len(keys), BATCH):
            for entry in store.get(self.records.scope, keys[start : start + BATCH]):
                if entry:
                    self._read(entry, contents)
        self._compare(contents)
        return contents

    def _read(self, entry: Entry, contents: ScopeContents) -> None:
        try:
            found = self.records.unpack(entry)
        except FormatError as error:
            contents.damage[entry.key] = str(error)
            if isinstance(error, MissingKeyError):
                contents.locked = error
            return
        if isinstance(found, PageRecord):
            contents.pages[PageKey.parse(entry.key)] = found
        elif isinstance(found, Chunk):
            contents.chunks.append(found)
        elif isinstance(found, ScopeState):
            contents.state = (found, entry.version)
        elif isinstance(found, SegmentHead):
            contents.segments[SegmentKey.parse(entry.key)] = found
        elif isinstance(found, Block):
            contents.blocks.add(entry.key)
        elif isinstance(found, TurnNumber):
            contents.numbers[entry.key] = found.number
        elif EntryKind.of(entry.key) is EntryKind.INDEX:
            contents.indexes.add(entry.key)
        elif EntryKind.of(entry.key) is EntryKind.VECTORS:
            contents.vectors.add(entry.key)
        elif isinstance(found, Mapping):
            contents.vector_segments[entry.key] = found

    def _compare(self, contents: ScopeContents) -> None:
        """Note entries that do not fit the others."""
        damage, held = contents.damage, contents.held()
        words = {key.words for key in contents.pages}
        for key in contents.indexes - words:
            damage[key] = "the index of a page that is not there"
        for key in contents.vectors - {key.vectors for key in contents.pages}:
            damage[key] = "the vectors of a page that is not there"
        for key, segment in contents.vector_segments.items():
            if not segment.keys() <= contents.pages.keys():
                damage[key] = "the vectors of pages that are not there"
        for key in words - contents.indexes - damage.keys() - _compare_segments(contents):
            damage[key] = "the index of a page is missing; its turns are not found by their words"
        for key, number in contents.numbers.items():
            if held.get(key, ("", -1))[1] != number:
                damage[key] = "the number of a turn that is on no page and in no chunk"
        for key in held.keys() - contents.numbers.keys() - damage.keys():
            damage[key] = "the number of a turn is missing; it could be appended twice"
        state, _ = contents.state
        if state is None and (contents.pages or contents.chunks):
            damage.setdefault(EntryKind.STATE.value, "the state of the scope is missing")

    def _repaired(self, contents: ScopeContents) -> Edit:
        """The changes that mend all that is wrong."""
        edit, held = self.records.edit(), contents.held()
        repairs: dict[EntryKind | None, Callable[[str], None]] = {
            EntryKind.INDEX: lambda key: self._repair_index(edit, key, contents),
            EntryKind.SEGMENT: lambda key: self._repair_segment(edit, key, contents),
            EntryKind.VECTOR_SEGMENT: lambda key: self._repair_vectors(edit, key, contents),
            EntryKind.TURN: lambda key: self._repair_number(edit, held.get(key), key),
            EntryKind.STATE: lambda key: None,  # written in any case
        }
        for key in contents.damage:
            repairs.get(EntryKind.of(key), edit.remove_entry)(key)
        edit.put_state(self._state(contents), contents.state[1])
        return edit

    def _repair_index(self, edit: Edit, key: str, contents: ScopeContents) -> None:
        edit.remove_entry(key)
        page = next((page for name, page in contents.pages.items() if name.words == key), None)
        reading = read_each([page], self.codec)[0] if page else None
        if page and isinstance(reading, PageReading):
            edit.changes.pop()
            edit.put_index(page.key, redrawn_index(reading.spans, self.policy.uncertain))

    def _repair_segment(self, edit: Edit, key: str, contents: ScopeContents) -> None:
        """Remove a segment, and make the index of each of its pages that has no other anew."""
        name = SegmentKey.parse(key)
        edit.remove_entry(key)
        for block in contents.blocks:
            if block.startswith(name.blocks) and block not in contents.damage:
                edit.remove_entry(block)
        head = contents.segments.get(name)
        for page in head.pages if head else ():
            if page in contents.pages and page.words not in contents.indexes:
                self._repair_index(edit, page.words, contents)

    def _repair_vectors(self, edit: Edit, key: str, contents: ScopeContents) -> None:
        """Keep the vectors of pages that are there, if they can be read."""
        edit.remove_entry(key)
        segment = contents.vector_segments.get(key, {})
        left = {page: found for page, found in segment.items() if page in contents.pages}
        if left:
            edit.put_vector_segment(left)

    def _repair_number(self, edit: Edit, held: tuple[str, int] | None, key: str) -> None:
        if held:
            edit.put_turn(held[0], TurnNumber(held[1], b""), expect=None)
        else:
            edit.remove_entry(key)

    def _state(self, contents: ScopeContents) -> ScopeState:
        """The state that the pages, chunks and numbers ask for. The tail is all chunks."""
        positions = [chunk.position for chunk in contents.chunks]
        numbers = [number for _, number in contents.held().values()]
        after = max([*numbers, *contents.numbers.values()], default=-1) + 1
        stored, _ = contents.state
        state = stored or ScopeState(after, Position(after, 0), 0, 0.0, "")
        start = min(positions, default=Position(max(after, state.next), 0))
        cells = sum(len(chunk_cells(chunk, self.codec.renderer)) for chunk in contents.chunks)
        return replace(
            state, next=max(after, state.next), tail=start, cells=cells, epoch=new_epoch()
        )


def _compare_segments(contents: ScopeContents) -> set[str]:
    """Note segments that do not fit the other entries; the keys that the index entries of their
    pages would have."""
    damage, covered, blocks = contents.damage, set[str](), set[str]()
    for key, head in contents.segments.items():
        own = {key.block(number) for number in range(len(head.starts))}
        if not own <= contents.blocks:
            damage[key.head] = "a part of the index of many pages is missing or cannot be read"
        elif not contents.pages.keys() >= set(head.pages):
            damage[key.head] = "the index of pages that are not there"
        covered |= {page.words for page in head.pages}
        blocks |= own
    for block in contents.blocks - blocks:
        damage[block] = "a part of an index that is not there"
    return covered
