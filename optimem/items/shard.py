"""One shard of a collection: reads items as they are now, and changes them only if they still are.

Every change expects the versions that were read, both of the item and of its mark; who loses a
race reads again. Knows nothing of searching.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from optimem.errors import ConflictError, FormatError
from optimem.items import serialization
from optimem.items.names import Address, MarkName, item_entry_key, new_stamp
from optimem.items.serialization import ItemBody, ItemHead
from optimem.memory.records.records import entry_place
from optimem.memory.records.scope_records import retry
from optimem.memory.records.word_secret import make_word_secret, word_secret
from optimem.protocols import Change, Entry, Store
from optimem.turns import Scope

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it was read. `scope`: of its shard. `expires`: microseconds since the epoch,
    None for never. `entry`, `mark`: its entries; the mark of an item that never expires is not
    read."""

    scope: Scope
    address: Address
    head: ItemHead
    expires: int | None
    entry: Entry
    mark: Entry | None

    @property
    def created(self) -> datetime:
        """When it was first put. Putting it again before it expires does not change this."""
        return EPOCH + timedelta(microseconds=self.head.created)

    @property
    def updated(self) -> datetime:
        """When it was last put."""
        return EPOCH + timedelta(microseconds=self.head.updated)

    @property
    def value(self) -> dict[str, Any]:
        """The value; a new object each time."""
        return serialization.unpack_value(self.entry.value, entry_place(self.scope, self.entry.key))

    def is_live(self, now: int) -> bool:
        """Whether it has not expired. `now`: microseconds since the epoch."""
        return self.expires is None or self.expires > now


class NewItem(NamedTuple):
    """What to put: a packed value, its packed words, `ttl`, the microseconds it lives after it was
    last put or touched (None if it never expires), and its packed vectors."""

    body: ItemBody
    words: bytes
    ttl: int | None
    vectors: bytes = b""


@dataclass(frozen=True)
class ItemShard:
    """The items of one scope. Times are microseconds since the epoch."""

    store: Store
    scope: Scope

    def read(self, addresses: Sequence[Address]) -> list[Item | None]:
        """The items in the order of `addresses`, even if expired; None for one that does not
        exist. Raises ConflictError if one is replaced at every attempt, and FormatError for one
        that has lost its mark."""
        found: dict[Address, Item] = {}
        missing = dict.fromkeys(addresses, "")

        def attempt() -> list[Item | None]:
            items, replaced = self._try_read(list(missing))
            for address, stamp in replaced.items():
                if stamp == missing[address]:  # a stamp never comes back
                    raise FormatError(
                        f"the mark of {address} is lost; restore the store from a copy"
                    )
            found.update(items)
            missing.clear()
            missing.update(replaced)
            if missing:
                raise ConflictError(f"{next(iter(missing))} was replaced while it was read")
            return [found.get(address) for address in addresses]

        return retry(attempt, self.scope, "read")

    def write(self, puts: Mapping[Address, NewItem | None], now: int) -> None:
        """Put items and delete those with None, all in one commit. Raises ConflictError if others
        write in between at every attempt."""

        def attempt() -> None:
            current = self.read(list(puts))
            changes = [
                change
                for (address, new), old in zip(puts.items(), current, strict=True)
                for change in self._put(address, new, old, now)
            ]
            self.store.commit(self.scope, changes)

        retry(attempt, self.scope, "put")

    def touch(self, items: Sequence[Item], now: int) -> None:
        """Restart the time to live of items that expire. An item that has been put, deleted or
        touched since it was read is left alone."""
        groups = []
        for item in items:
            expires = _expiry(item.head.ttl, now)
            if item.mark and expires is not None and expires != item.expires:
                place = self._place(item.mark.key)
                data = serialization.repack_mark(item.mark.value, expires, place)
                groups.append([Change(item.mark.key, data, item.mark.version)])
        self._commit_each(groups)

    def remove_expired(self, addresses: Sequence[Address], now: int) -> int:
        """Remove those items that have expired. Returns how many."""
        expired = [item for item in self.read(addresses) if item and not item.is_live(now)]
        return self._commit_each([_deletion(item) for item in expired])

    def _try_read(
        self, wanted: Sequence[Address]
    ) -> tuple[dict[Address, Item], dict[Address, str]]:
        """Items by address, and the stamps of those that were replaced between the reads of their
        two entries."""
        entries = self.store.get(self.scope, [item_entry_key(address) for address in wanted])
        stored = {
            address: (entry, serialization.unpack_head(entry.value, self._place(entry.key)))
            for address, entry in zip(wanted, entries, strict=True)
            if entry
        }
        marks = self._marks({address: head for address, (_, head) in stored.items()})
        items: dict[Address, Item] = {}
        for address, (entry, head) in stored.items():
            mark = marks.get(address)
            if mark or address not in marks:
                expires = self._expiry(mark)
                items[address] = Item(self.scope, address, head, expires, entry, mark)
        return items, {a: stored[a][1].stamp for a, mark in marks.items() if mark is None}

    def _marks(self, heads: Mapping[Address, ItemHead]) -> dict[Address, Entry | None]:
        """The marks of those items that can expire, by address; None for one that is gone."""
        stamps = {address: head.stamp for address, head in heads.items() if head.ttl is not None}
        keys = [MarkName(address, stamp, True).entry_key for address, stamp in stamps.items()]
        return dict(zip(stamps, self.store.get(self.scope, keys) if keys else [], strict=True))

    def _put(
        self, address: Address, new: NewItem | None, old: Item | None, now: int
    ) -> list[Change]:
        """The changes that put a new item, or none, in place of the old one, if there is one."""
        if new is None:
            return _deletion(old) if old else []
        created = old.head.created if old and old.is_live(now) else now
        head = ItemHead(created, now, new.ttl, new_stamp(now))
        mark = MarkName(address, head.stamp, new.ttl is not None)
        key = item_entry_key(address)
        item = serialization.pack_item(head, new.body, self._place(key))
        secret = make_word_secret(self.store)
        packed = serialization.pack_mark(
            _expiry(new.ttl, now), new.words, self._place(mark.entry_key), secret, new.vectors
        )
        version = old.entry.version if old else 0
        return [
            Change(key, item, version),
            Change(mark.entry_key, packed, 0),
            *([_mark_deletion(old)] if old else []),
        ]

    def _expiry(self, mark: Entry | None) -> int | None:
        if mark is None:
            return None
        secret = word_secret(self.store)
        return serialization.unpack_mark(mark.value, self._place(mark.key), secret).expires

    def _place(self, key: str) -> bytes:
        return entry_place(self.scope, key)

    def _commit_each(self, groups: Sequence[Sequence[Change]]) -> int:
        """Commit each group of changes that has no conflict, in one commit if all have none.
        Returns the number of groups committed."""
        if not groups:
            return 0
        try:
            self.store.commit(self.scope, [change for group in groups for change in group])
        except ConflictError:
            return sum(self._commit_each([group]) for group in groups) if len(groups) > 1 else 0
        return len(groups)


def _deletion(item: Item) -> list[Change]:
    return [Change(item.entry.key, None, item.entry.version), _mark_deletion(item)]


def _mark_deletion(item: Item) -> Change:
    """Delete a mark if it is unchanged. The mark of an item that never expires is written only
    once, with the item, so its version is 1."""
    if item.mark:
        return Change(item.mark.key, None, item.mark.version)
    return Change(MarkName(item.address, item.head.stamp, False).entry_key, None, 1)


def _expiry(ttl: int | None, now: int) -> int | None:
    return None if ttl is None else now + ttl
