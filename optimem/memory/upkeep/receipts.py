"""Receipts of forgetting, checked against the store: every entry of the scopes concerned is looked
at, and the store's own files. What was stored after the receipt's time is not a finding. Knows
nothing of how anything is forgotten.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from optimem.errors import FormatError
from optimem.memory.records.records import Chunk, EntryKind, PageRecord, turn_key
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.records.segments import SegmentHead, SegmentKey
from optimem.memory.records.settling import readings
from optimem.memory.upkeep.forgetting import ALL_KEYS
from optimem.reports import ForgetReceipt, ReceiptCheck
from optimem.results import Unreadable

BATCH = 64
"""Entries read at a time."""


BEGUN_ANEW = (
    EntryKind.STATE, EntryKind.GONE, EntryKind.DIGEST, EntryKind.SENT, EntryKind.STAMP,
)  # fmt: skip
"""Entries without a time of their own, which a scope may hold again after it was forgotten."""


class Kept(NamedTuple):
    """An entry that is there: its `key`, the keys of the entries that `belong` with it, when it was
    `written`, None if it does not say, and the keys of the `pages` of which it was made."""

    key: str
    belong: set[str]
    written: float | None
    pages: frozenset[str] = frozenset()


def verify_receipt(scopes: Sequence[ScopeRecords], receipt: ForgetReceipt) -> ReceiptCheck:
    """What is left in some scopes of what a receipt says is gone."""
    found, residue, looked = list[Unreadable](), list[str](), 0
    for records in scopes:
        removed = receipt.removed.get(str(records.scope))
        if removed is None and receipt.removed:
            continue  # nothing of this scope was removed
        left: set[str] | None = None
        for _, kept in readings(records, partial(_all_kept, records)):
            seen = set(_left(kept, removed, receipt.time))
            left = seen if left is None else left & seen
            looked_at = len(kept)
            if not left:
                break
        looked += looked_at
        found += [
            Unreadable(scope=str(records.scope), entry=key, reason="it was forgotten, and is there")
            for key in sorted(left or ())
        ]
        residue += records.store.remains(records.scope, removed or ALL_KEYS)
    residue = list(dict.fromkeys([*residue, *(scopes[0].wipe() if scopes else ())]))
    holds = not found and not residue
    return ReceiptCheck(holds=holds, found=found, residue=residue, entries=looked)


def _all_kept(records: ScopeRecords) -> list[Kept]:
    return list(_kept(records))


def _kept(records: ScopeRecords) -> Iterator[Kept]:
    """All entries of a scope."""
    records = replace(records, damage={})
    keys = [info.key for info in records.store.entries(records.scope)]
    for start in range(0, len(keys), BATCH):
        for entry in records.due_entries(keys[start : start + BATCH]):
            try:
                record = records.unpack(entry)
            except FormatError:
                record = None  # damaged, but there
            if isinstance(record, SegmentHead):
                pages = frozenset(page.page for page in record.pages)
                yield Kept(entry.key, set(), None, pages)
            elif isinstance(record, PageRecord):
                words = {record.key.words}
                belong = words.union(*(_keys_of(span.turn) for span in record.spans))
                yield Kept(entry.key, belong, record.created)
            elif isinstance(record, Chunk):
                yield Kept(entry.key, _keys_of(record.turn), record.appended)
            else:
                yield Kept(entry.key, set(), None)


def _left(kept: Sequence[Kept], removed: Sequence[str] | None, time: float) -> Iterator[str]:
    """Keys of entries that were forgotten, under the keys `removed` or with the whole scope, but
    for what was stored later."""
    later = set[str]()
    for entry in kept:
        if entry.written is not None and entry.written > time:
            later |= {entry.key} | entry.belong
    later |= {entry.key for entry in kept if entry.pages and entry.pages <= later}
    segments = {
        SegmentKey.parse(key).blocks for key in later if EntryKind.of(key) is EntryKind.SEGMENT
    }
    later |= {entry.key for entry in kept if entry.key.startswith(tuple(segments))}
    begun_anew = BEGUN_ANEW if later else ()
    for key, belong, *_ in kept:
        if removed is None:
            gone = EntryKind.of(key) not in begun_anew and key not in later
        else:
            gone = bool(({key} | belong) & set(removed) - later)
        if gone:
            yield key


def _keys_of(turn: str) -> set[str]:
    """The keys of a turn's number and of its image."""
    number = turn_key(turn)
    return {number, EntryKind.IMAGE.prefix + number.partition(":")[2]}
