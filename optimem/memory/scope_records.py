"""A scope's entries as records: the one place where memory meets the store's bytes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from optimem.errors import ConflictError
from optimem.memory import serialization
from optimem.memory.records import (
    HEAD_KEY,
    INDEX_PREFIX,
    PAGE_PREFIX,
    TAIL_PREFIX,
    Chunk,
    Head,
    PageIndex,
    PageKey,
    PageRecord,
    Position,
    chunk_position,
    holding,
    image_key,
    turn_key,
)
from optimem.protocols import Change, Store
from optimem.turns import Scope

T = TypeVar("T")
BATCH = 16  # tail pieces fetched at a time
START = Position(0, 0)
EMPTY = Head(next=0, tail=START, cells=0, appended=0.0, epoch="")


class Stored(NamedTuple, Generic[T]):
    """A record and the version under which it was read; 0 if there was none."""

    record: T
    version: int


@dataclass(frozen=True)
class ScopeRecords:
    """Reads the records of one scope."""

    store: Store
    scope: Scope

    def head(self) -> Stored[Head]:
        """The scope's state; an empty one for a new scope."""
        (entry,) = self.store.get(self.scope, [HEAD_KEY])
        return (
            Stored(serialization.unpack_head(entry.value), entry.version)
            if entry
            else Stored(EMPTY, 0)
        )

    def page_keys(self) -> list[PageKey]:
        """Keys of all pages in reading order."""
        return [PageKey.parse(info.key) for info in self.store.entries(self.scope, PAGE_PREFIX)]

    def pages(self, wanted: Sequence[PageKey]) -> list[Stored[PageRecord] | None]:
        """Records of pages; None for one that is gone."""
        entries = self.store.get(self.scope, [key.page for key in wanted])
        return [e and Stored(serialization.unpack_page(e.value), e.version) for e in entries]

    def chunk_keys(self, start: Position = START) -> list[str]:
        """Keys of the open tail in reading order, from a position on."""
        names = (info.key for info in self.store.entries(self.scope, TAIL_PREFIX))
        return [name for name in names if chunk_position(name) >= start]

    def chunks(self, start: Position = START, enough: float = math.inf) -> list[Chunk]:
        """The open tail in reading order, from a position on, until `enough` characters."""
        names, found, size = self.chunk_keys(start), list[Chunk](), 0
        for at in range(0, len(names), BATCH):
            if size >= enough:
                break
            entries = self.store.get(self.scope, names[at : at + BATCH])
            found += [serialization.unpack_chunk(entry.value) for entry in entries if entry]
            size = sum(len(chunk.text) for chunk in found)
        return found

    def holders(self, number: int) -> list[str]:
        """Keys of the pages and of the pieces of the tail on which a turn lies."""
        wanted = holding(self.page_keys(), number)
        held = [
            key.page
            for key, found in zip(wanted, self.pages(wanted), strict=True)
            if found and any(span.position.sequence == number for span in found.record.spans)
        ]
        tail = (name for name in self.chunk_keys() if chunk_position(name).sequence == number)
        return [*held, *tail]

    def snapshot(self) -> tuple[list[PageKey], list[Chunk]]:
        """Pages and tail as of one moment: a page that closes meanwhile counts as tail."""
        while True:
            head, _ = self.head()
            chunks = self.chunks(head.tail)
            again, _ = self.head()
            if (again.tail, again.epoch) == (head.tail, head.epoch):
                pages = [key for key in self.page_keys() if key.position < head.tail]
                return pages, chunks

    def turn_numbers(self, turn_keys: Sequence[str]) -> list[int | None]:
        """The numbers of turns by their keys; None for one that is not known."""
        entries = self.store.get(self.scope, [turn_key(key) for key in turn_keys])
        return [serialization.unpack_place(entry.value) if entry else None for entry in entries]

    def index_entries(
        self, wanted: Iterable[PageKey], known: Mapping[PageKey, Stored[PageIndex]]
    ) -> dict[PageKey, Stored[PageIndex]]:
        """Index entries of pages, those that are there. Entries that are `known` under their
        present version are not fetched again."""
        infos = {info.key: info for info in self.store.entries(self.scope, INDEX_PREFIX)}
        there = {key: infos[key.words].version for key in wanted if key.words in infos}
        kept = {k: known[k] for k, v in there.items() if k in known and known[k].version == v}
        missing = [key for key in there if key not in kept]
        entries = self.store.get(self.scope, [key.words for key in missing]) if missing else []
        for key, entry in zip(missing, entries, strict=True):
            if entry:
                kept[key] = Stored(serialization.unpack_index(entry.value), entry.version)
        return kept

    def image(self, turn: str) -> bytes | None:
        """The vision tokens of the image that a turn describes; None if there are none."""
        key = image_key(turn)
        (entry,) = self.store.get(self.scope, [key]) if key else (None,)
        return entry.value if entry else None

    def put_image(self, turn: str, tokens: bytes) -> None:
        """Store the vision tokens of the image that a turn describes."""
        key = image_key(turn)
        assert key is not None  # the turn's id comes from `image_turn`
        self.store.commit(self.scope, [Change(key, tokens)])

    def refresh(self, record: PageRecord, version: int, due: float | None) -> bool:
        """Store a page again; its index entry stays. False if somebody else changed the page
        first: nothing is stored then."""
        key = PageKey(record.position, record.id)
        change = Change(key.page, serialization.pack_page(record), version, due)
        try:
            self.store.commit(self.scope, [change])
        except ConflictError:
            return False
        return True


def page_changes(
    record: PageRecord, index: PageIndex, due: float | None, expect: int | None
) -> list[Change]:
    """Write a page and its index entry."""
    key = PageKey(record.position, record.id)
    return [
        Change(key.page, serialization.pack_page(record), expect, due),
        Change(key.words, serialization.pack_index(index)),
    ]


def turn_removal(turn: str) -> list[Change]:
    """Forget a turn's id, and the vision tokens of the image that it tells, if it does."""
    named = [turn_key(turn), image_key(turn)]
    return [Change(key, None) for key in named if key]


def page_removal(key: PageKey, expect: int) -> list[Change]:
    """Remove a page and its index entry."""
    return [Change(key.page, None, expect), Change(key.words, None)]


def head_change(head: Head, expect: int) -> Change:
    """Write the scope's state."""
    return Change(HEAD_KEY, serialization.pack_head(head), expect)
