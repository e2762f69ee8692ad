"""A scope's entries as records: the one place where memory meets the store's keys and bytes.

`ScopeRecords` reads. An `Edit` writes; the loser of a race tries again (`retry`) or gives way
(`Edit.try_commit`).
"""

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Generic, NamedTuple, TypeVar

from optimem.errors import ConflictError, FormatError
from optimem.memory.records import page_serialization, serialization
from optimem.memory.records.edits import Edit, turn_keys
from optimem.memory.records.index_serialization import index_reader
from optimem.memory.records.page_index import PageIndex
from optimem.memory.records.records import (
    STAMP_KEY,
    STATE_KEY,
    Chunk,
    EntryKind,
    PageKey,
    PageParts,
    PageRecord,
    Position,
    ScopeState,
    TurnNumber,
    chunk_position,
    entry_place,
    holding,
    image_key,
    turn_key,
)
from optimem.memory.records.segment_serialization import block_reader, head_reader
from optimem.memory.records.vector_segments import vector_segment_reader
from optimem.memory.records.vectors import PageVectors, vectors_reader
from optimem.protocols import Change, Entry, Store
from optimem.results import Unreadable
from optimem.turns import Scope

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds after which `retry` gives up."""
MIN_WAIT, MAX_WAIT = 0.001, 0.1
"""Seconds that `retry` waits at most after the first conflict, and after any."""
BATCH = 16
"""Chunks or pages fetched at a time."""
START = Position(0, 0)
END = Position((1 << 40) - 1, 0)
"""Behind all text."""
EMPTY = ScopeState(next=0, tail=START, cells=0, appended=0.0, epoch="")

_UNPACK: dict[EntryKind | None, Callable[[bytes, bytes], object]] = {
    EntryKind.STATE: serialization.unpack_state,
    EntryKind.TURN: serialization.unpack_number,
    EntryKind.CHUNK: serialization.unpack_chunk,
    EntryKind.PAGE: page_serialization.unpack_page,
    EntryKind.IMAGE: serialization.unpack_image,
    EntryKind.DIGEST: serialization.unpack_digest,
    EntryKind.STAMP: serialization.unpack_stamp,
}

_HIDDEN: dict[EntryKind | None, Callable[[Store], Callable[[bytes, bytes], object]]] = {
    EntryKind.INDEX: index_reader,
    EntryKind.SEGMENT: head_reader,
    EntryKind.BLOCK: block_reader,
    EntryKind.VECTORS: vectors_reader,
    EntryKind.VECTOR_SEGMENT: vector_segment_reader,
}


class Stored(NamedTuple, Generic[T]):
    """A record and the version under which it was read; 0 if there was none."""

    record: T
    version: int


class PageList(NamedTuple):
    """The pages of a scope in reading order, and the scope's `stamp` then, which tells whether they
    or their words and vectors have changed since; empty if that is not known."""

    stamp: bytes
    keys: list[PageKey]

    def is_of(self, other: "PageList | None") -> bool:
        """Whether both are the same for sure."""
        return other is not None and bool(self.stamp) and self.stamp == other.stamp

    def unsure(self) -> "PageList":
        """The same, to be looked up again."""
        return PageList(b"", self.keys)


class EntrySize(NamedTuple):
    """An entry as it counts in the stats. `kind`: None if it is not a memory's. `key`, `value`:
    bytes of each. `due`: seconds since the epoch, None for never."""

    kind: EntryKind | None
    key: int
    value: int
    due: float | None


def retry(attempt: Callable[[], T], scope: Scope, action: str) -> T:
    """Run `attempt`, which reads what it needs and commits, until nobody else commits in between.
    After each conflict it waits for a random time, so that many writers do not keep meeting.
    Raises ConflictError after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    for conflicts in count():
        try:
            return attempt()
        except ConflictError as error:
            if time.monotonic() >= deadline:
                raise ConflictError(
                    f"{scope} kept changing for {PATIENCE:g} s during one {action}; {action} again"
                ) from error
        time.sleep(random.uniform(0, min(MIN_WAIT * 2 ** min(conflicts, 16), MAX_WAIT)))
    raise AssertionError("unreachable")


@dataclass(frozen=True)
class ScopeRecords:
    """The records of one scope. `damage`: takes entries that cannot be read, which are then left
    out; without it they raise FormatError and its kin, naming scope and key."""

    store: Store
    scope: Scope
    damage: dict[str, Unreadable] | None = field(default=None, compare=False)

    def state(self) -> Stored[ScopeState]:
        """The scope's state; an empty one for a new scope."""
        (entry,) = self.store.get(self.scope, [STATE_KEY])
        if entry is None:
            return Stored(EMPTY, 0)
        state = self.unpacked(serialization.unpack_state, entry)
        return Stored(self._state_by_keys() if state is None else state, entry.version)

    def _state_by_keys(self) -> ScopeState:
        """What the keys of a scope say of its state, to read it if that is damaged."""
        return replace(EMPTY, tail=min(map(chunk_position, self._chunk_keys()), default=END))

    def page_keys(self) -> list[PageKey]:
        """Keys of all pages in reading order."""
        infos = self.store.entries(self.scope, EntryKind.PAGE.prefix)
        return [PageKey.parse(info.key) for info in infos]

    def pages(self, wanted: Sequence[PageKey]) -> list[Stored[PageRecord] | None]:
        """Pages by their keys; None for one that is gone."""
        entries = self.store.get(self.scope, [key.page for key in wanted])
        found = [e and self.unpacked(page_serialization.unpack_page, e) for e in entries]
        pairs = zip(found, entries, strict=True)
        return [Stored(page, entry.version) if page and entry else None for page, entry in pairs]

    def chunks(self, start: Position = START, enough: float = math.inf) -> list[Chunk]:
        """The tail in reading order from `start` on, up to `enough` characters."""
        keys, found, size = self._chunk_keys(start), list[Chunk](), 0
        for at in range(0, len(keys), BATCH):
            if size >= enough:
                break
            entries = self.store.get(self.scope, keys[at : at + BATCH])
            chunks = [self.unpacked(serialization.unpack_chunk, e) for e in entries if e]
            found += [chunk for chunk in chunks if chunk]
            size = sum(len(chunk.text) for chunk in found)
        return found

    def chunks_of(self, number: int) -> list[Chunk]:
        """The chunks of one turn, in order."""
        keys = [key for key in self._chunk_keys() if chunk_position(key).sequence == number]
        entries = self.store.get(self.scope, keys) if keys else []
        chunks = [self.unpacked(serialization.unpack_chunk, e) for e in entries if e]
        return [chunk for chunk in chunks if chunk]

    def snapshot(self, known: PageList | None = None) -> tuple[PageList, list[Chunk]]:
        """Pages and tail as of one moment: a page that is written meanwhile counts as tail.
        `known`: pages as they were found before, which are listed again only if they changed."""
        while True:
            state, _ = self.state()
            chunks = self.chunks(state.tail)
            again, _ = self.state()
            if again.same_tail(state):
                pages = self._page_list(known)
                if pages.keys and pages.keys[-1].position >= state.tail:
                    before = [key for key in pages.keys if key.position < state.tail]
                    pages = PageList(b"", before)
                return pages, chunks

    def _page_list(self, known: PageList | None) -> PageList:
        """All pages. Their stamp is read before they are listed, so that it is never too new."""
        (entry,) = self.store.get(self.scope, [STAMP_KEY])
        stamp = entry.value if entry else b""
        if known and stamp and known.stamp == stamp:
            return known
        return PageList(stamp, self.page_keys())

    def at_one_moment(self, read: Callable[[], T]) -> T:
        """What `read` returns; it runs again if a turn was forgotten meanwhile, or everything."""

        def attempt() -> T:
            before = self.state().record.epoch
            found = read()
            if self.state().record.epoch != before:
                raise ConflictError(f"{self.scope} changed while it was read; read it again")
            return found

        return retry(attempt, self.scope, "read")

    def turn_numbers(self, turns: Sequence[str]) -> list[int | None]:
        """The numbers of turns by their ids; None for one the scope does not hold."""
        return [found and found.number for found in self.numbered_turns(turns)]

    def numbered_turns(self, turns: Sequence[str]) -> list[TurnNumber | None]:
        """What is stored under the ids of turns."""
        entries = self.store.get(self.scope, [turn_key(turn) for turn in turns])
        return [entry and self.unpacked(serialization.unpack_number, entry) for entry in entries]

    def index_entries(
        self, wanted: Iterable[PageKey], known: Mapping[PageKey, Stored[PageIndex]]
    ) -> dict[PageKey, Stored[PageIndex]]:
        """Index entries by page, without pages that have none of their own. Entries `known` under
        their present version are not fetched again."""
        return self._of_pages(EntryKind.INDEX, index_reader(self.store), wanted, known)

    def index_sizes(self) -> dict[PageKey, int]:
        """Bytes of the index entries of pages, in reading order."""
        infos = self.store.entries(self.scope, EntryKind.INDEX.prefix)
        return {PageKey.parse(info.key): info.size for info in infos}

    def vector_sizes(self) -> dict[PageKey, int]:
        """Bytes of the vectors of pages that are in no segment, in reading order."""
        infos = self.store.entries(self.scope, EntryKind.VECTORS.prefix)
        return {PageKey.parse(info.key): info.size for info in infos}

    def vector_entries(
        self, wanted: Iterable[PageKey], known: Mapping[PageKey, Stored[PageVectors]]
    ) -> dict[PageKey, Stored[PageVectors]]:
        """The vectors of pages that are in no segment, in the same way."""
        return self._of_pages(EntryKind.VECTORS, vectors_reader(self.store), wanted, known)

    def _of_pages(
        self,
        kind: EntryKind,
        unpack: Callable[[bytes, bytes], T],
        wanted: Iterable[PageKey],
        known: Mapping[PageKey, Stored[T]],
    ) -> dict[PageKey, Stored[T]]:
        infos = self.store.entries(self.scope, kind.prefix)
        versions = {info.key: info.version for info in infos}
        present = {k: versions[k.entry(kind)] for k in wanted if k.entry(kind) in versions}
        kept = {k: known[k] for k, v in present.items() if k in known and known[k].version == v}
        missing = [key for key in present if key not in kept]
        keys = [key.entry(kind) for key in missing]
        entries = self.store.get(self.scope, keys) if keys else []
        for key, entry in zip(missing, entries, strict=True):
            found = entry and self.unpacked(unpack, entry)
            if entry and found is not None:
                kept[key] = Stored(found, entry.version)
        return kept

    def image(self, turn: str) -> bytes | None:
        """The vision tokens of the image that a turn describes; None if there are none."""
        key = image_key(turn)
        (entry,) = self.store.get(self.scope, [key]) if key else (None,)
        return self.unpacked(serialization.unpack_image, entry) if entry else None

    def due_entries(self, keys: Sequence[str]) -> list[Entry]:
        """Entries that the due queue returned, those that are still there; see `unpack`."""
        return [entry for entry in self.store.get(self.scope, keys) if entry]

    def unpack(self, entry: Entry) -> object:
        """The record in an entry, None for no record. Raises FormatError and those below it."""
        kind = EntryKind.of(entry.key)
        own = _HIDDEN.get(kind)
        unpack = own(self.store) if own else _UNPACK.get(kind)
        return unpack(entry.value, entry_place(self.scope, entry.key)) if unpack else None

    def holders(self, number: int) -> list[str]:
        """Keys of the pages and chunks on which a turn lies."""
        wanted = holding(self.page_keys(), number)
        pages = zip(wanted, self.pages(wanted), strict=True)
        held = [key.page for key, found in pages if found and found.record.holds(number)]
        tail = (key for key in self._chunk_keys() if chunk_position(key).sequence == number)
        return [*held, *tail]

    def traces(self, turn: str, number: int) -> int:
        """Entries in which a forgotten turn is still found: 0 if nothing of it is left."""
        entries = self.store.get(self.scope, turn_keys(turn))
        return sum(entry is not None for entry in entries) + len(self.holders(number))

    def entry_sizes(self) -> list[EntrySize]:
        """All entries, with the bytes they take."""
        return [
            EntrySize(EntryKind.of(info.key), len(info.key.encode()), info.size, info.due)
            for info in self.store.entries(self.scope)
        ]

    def page_parts(self) -> Iterator[tuple[PageRecord, PageParts]]:
        """All pages, with what their bytes are for."""
        keys = self.page_keys()
        for at in range(0, len(keys), BATCH):
            wanted = [key.page for key in keys[at : at + BATCH]]
            for entry in self.store.get(self.scope, wanted):
                page = entry and self.unpacked(page_serialization.unpack_page, entry)
                if entry and page:
                    place = entry_place(self.scope, entry.key)
                    yield page, page_serialization.page_parts(entry.value, place)

    def count(self, kind: EntryKind) -> int:
        """How many entries of a kind there are."""
        return len(self.store.entries(self.scope, kind.prefix))

    def bytes_used(self) -> int:
        """Bytes of all keys and values."""
        return self.store.usage(self.scope)

    def clear(self) -> int:
        """Remove every entry; the number removed."""
        return self.store.clear(self.scope)

    def wipe(self) -> list[str]:
        """Erase the bytes of what was removed; where some may still be, see `Store.wipe`."""
        return self.store.wipe()

    def edit(self) -> Edit:
        """Changes to commit together."""
        return Edit(self.store, self.scope)

    def refresh(self, record: PageRecord, version: int, due: float | None) -> bool:
        """Store a page again, without its index entry; False if another changed it first."""
        edit = self.edit()
        edit.put_page(record, due, expect=version)
        return edit.try_commit()

    def put_image(self, turn: str, tokens: bytes) -> None:
        """Store the vision tokens of the image that a turn describes."""
        key = image_key(turn)
        assert key is not None  # the turn's id comes from `image_turn`
        data = serialization.pack_image(tokens, entry_place(self.scope, key))
        self.store.commit(self.scope, [Change(key, data)])

    def unpacked(self, unpack: Callable[[bytes, bytes], T], entry: Entry) -> T | None:
        """What an entry holds; None if it cannot be read and `damage` takes it."""
        try:
            return unpack(entry.value, entry_place(self.scope, entry.key))
        except FormatError as error:
            if self.damage is None:
                raise type(error)(
                    f"{self.scope}, entry {entry.key}: {error}; `optimem check {self.scope}` lists "
                    "all damage, with --repair it removes it"
                ) from error
            self.report(entry.key, error)
            return None

    def report(self, key: str, error: FormatError) -> None:
        """Note that an entry cannot be read."""
        if self.damage is not None and key not in self.damage:
            reason = f"{error}"
            self.damage[key] = Unreadable(scope=str(self.scope), entry=key, reason=reason)

    def remove_image(self, turn: str) -> None:
        """Remove the vision tokens of an image whose turn was not stored."""
        key = image_key(turn)
        assert key is not None
        self.store.commit(self.scope, [Change(key, None)])

    def _chunk_keys(self, start: Position = START) -> list[str]:
        """Keys of the tail in reading order from `start` on."""
        keys = (info.key for info in self.store.entries(self.scope, EntryKind.CHUNK.prefix))
        return [key for key in keys if chunk_position(key) >= start]
