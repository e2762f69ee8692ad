"""One bucket of a collection: items read as they are now, and changed only if they still are.

Every change expects the versions that were read, of the item and of its mark; who loses a race
reads again. Knows nothing of searching.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from optimem.errors import ConflictError
from optimem.items import serialization
from optimem.items.names import Address, MarkName, item_entry, new_stamp
from optimem.items.serialization import Body, Head
from optimem.protocols import Change, Entry, Store
from optimem.turns import Scope

TRIES = 50
"""Writers that get in between before a read or a write gives up."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it was read. `entry`, `mark`: its two entries. `expires`: microseconds since
    the epoch, None for never."""

    address: Address
    head: Head
    expires: int | None
    entry: Entry
    mark: Entry | None

    @property
    def created(self) -> datetime:
        """When it was first put; kept when it is put again before it expires."""
        return EPOCH + timedelta(microseconds=self.head.created)

    @property
    def updated(self) -> datetime:
        """When it was last put."""
        return EPOCH + timedelta(microseconds=self.head.updated)

    @property
    def value(self) -> dict[str, Any]:
        """The value; a new object each time."""
        return serialization.unpack_value(self.entry.value)

    def lives(self, now: int) -> bool:
        """Whether it has not expired."""
        return self.expires is None or self.expires > now


class Parcel(NamedTuple):
    """What to put: the value and its words, packed, and how long the item lives untouched, in
    microseconds; None for ever."""

    body: Body
    words: bytes
    ttl: int | None


@dataclass(frozen=True)
class Bucket:
    """The items of one scope."""

    store: Store
    scope: Scope

    def read(self, addresses: Sequence[Address]) -> list[Item | None]:
        """The items, expired ones too; None where there is none. Raises ConflictError if one is
        put anew all the time."""
        found: dict[Address, Item] = {}
        wanted = list(dict.fromkeys(addresses))
        for _ in range(TRIES):
            items, wanted = self._glance(wanted)
            found |= items
            if not wanted:
                return [found.get(address) for address in addresses]
        raise ConflictError(f"{wanted[0]} was put {TRIES} times while it was read; read again")

    def write(self, puts: Mapping[Address, Parcel | None], now: int) -> None:
        """Put items, or delete those with None: all in one commit. Raises ConflictError if
        others write so much that it never gets its turn."""
        for _ in range(TRIES):
            held = self.read(list(puts))
            changes = [
                change
                for (address, parcel), old in zip(puts.items(), held, strict=True)
                for change in _changes(address, parcel, old, now)
            ]
            try:
                self.store.commit(self.scope, changes)
            except ConflictError:
                continue
            return
        raise ConflictError(f"{self.scope} was written to {TRIES} times in between; put again")

    def touch(self, items: Sequence[Item], now: int) -> None:
        """Let items that expire live their full time from now. One that somebody else has put,
        deleted or touched meanwhile is left as it is."""
        groups = []
        for item in items:
            expires = None if item.head.ttl is None else now + item.head.ttl
            if item.mark and expires is not None and expires != item.expires:
                data = serialization.pack_mark(expires, serialization.mark_words(item.mark.value))
                groups.append([Change(item.mark.key, data, item.mark.version)])
        self._commit_each(groups)

    def remove_expired(self, addresses: Sequence[Address], now: int) -> int:
        """Remove those items that have expired; the number removed."""
        items = [item for item in self.read(addresses) if item and not item.lives(now)]
        return self._commit_each([_removal(item) for item in items])

    def _glance(self, wanted: Sequence[Address]) -> tuple[dict[Address, Item], list[Address]]:
        """Items by address, and the addresses of those that changed between two looks."""
        entries = self.store.get(self.scope, [item_entry(address) for address in wanted])
        stored = {
            address: (entry, serialization.unpack_head(entry.value))
            for address, entry in zip(wanted, entries, strict=True)
            if entry
        }
        timed = [address for address, (_, head) in stored.items() if head.ttl is not None]
        names = [MarkName(address, stored[address][1].stamp, True).entry for address in timed]
        marks = dict(zip(timed, self.store.get(self.scope, names) if names else [], strict=True))
        items = {
            address: Item(address, head, _expires(marks.get(address)), entry, marks.get(address))
            for address, (entry, head) in stored.items()
            if address not in marks or marks[address]
        }
        return items, [address for address, mark in marks.items() if mark is None]

    def _commit_each(self, groups: Sequence[Sequence[Change]]) -> int:
        """Make each group of changes in which nothing has changed meanwhile: all in one commit
        if it can be. The number of groups made."""
        if not groups:
            return 0
        try:
            self.store.commit(self.scope, [change for group in groups for change in group])
        except ConflictError:
            return sum(self._commit_each([group]) for group in groups) if len(groups) > 1 else 0
        return len(groups)


def _expires(mark: Entry | None) -> int | None:
    return serialization.unpack_mark(mark.value).expires if mark else None


def _changes(address: Address, parcel: Parcel | None, old: Item | None, now: int) -> list[Change]:
    """Put an item in place of the old one, if there is one, or delete that."""
    if parcel is None:
        return _removal(old) if old else []
    created = old.head.created if old and old.lives(now) else now
    head = Head(created, now, parcel.ttl, new_stamp(now))
    name = MarkName(address, head.stamp, parcel.ttl is not None)
    expires = None if parcel.ttl is None else now + parcel.ttl
    version = old.entry.version if old else 0
    return [
        Change(item_entry(address), serialization.pack_item(head, parcel.body), version),
        Change(name.entry, serialization.pack_mark(expires, parcel.words), 0),
        *([_mark_removal(old)] if old else []),
    ]


def _removal(item: Item) -> list[Change]:
    return [Change(item.entry.key, None, item.entry.version), _mark_removal(item)]


def _mark_removal(item: Item) -> Change:
    """Remove a mark if it is as it was read. That of an item which does not expire was written
    once, with the item."""
    if item.mark:
        return Change(item.mark.key, None, item.mark.version)
    return Change(MarkName(item.address, item.head.stamp, False).entry, None, 1)
