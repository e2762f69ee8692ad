"""Tombstones: what was forgotten, so that no late writer stores it again.

A forgotten turn leaves a hash of its id in its scope. A forgotten scope leaves the hashes of all
its turns' ids, and the time, in a scope of its own whose name is a hash; they are written before
the scope is cleared, so that whoever appends after that finds them. Knows nothing of text or pages.
"""

import hashlib
import struct
from collections.abc import Sequence

from optimem.memory.records.records import EntryKind, entry_place, gone_key
from optimem.memory.records.scope_records import ScopeRecords
from optimem.omem.container import ContainerKind, pack_container, unpack_container
from optimem.protocols import Change
from optimem.turns import RESERVED, Scope, Turn

FORGOTTEN = f"{RESERVED}forgotten"
"""The namespace of the scopes that hold the tombstones of forgotten scopes."""
BATCH = 1000
"""Tombstones written at a time."""

_WHEN = "when"
_TIME = struct.Struct("<d")


def graves_of(scope: Scope) -> Scope:
    """The scope that holds the tombstones of a forgotten scope."""
    parts = "\0".join((scope.namespace, scope.user, scope.session))
    return Scope(
        namespace=FORGOTTEN, session=hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()
    )


def tombstone(scope: Scope, key: str, when: float) -> Change:
    """Write that what the key stands for was forgotten at a time."""
    return Change(key, pack_tombstone(when, entry_place(scope, key)))


def pack_tombstone(when: float, place: bytes) -> bytes:
    """The time of forgetting as bytes, bound to an entry's place."""
    return pack_container(ContainerKind.TOMBSTONE, [_TIME.pack(when)], place)


def unpack_tombstone(data: bytes, place: bytes) -> float:
    """The time. Raises FormatError, VersionError or ChecksumError."""
    with unpack_container(ContainerKind.TOMBSTONE, data, place=place) as (section,):
        (when,) = _TIME.unpack(section)
        return float(when)


def bury_scope(records: ScopeRecords, when: float) -> None:
    """Leave tombstones of a scope that is about to be cleared, and of its turns."""
    graves, store = graves_of(records.scope), records.store
    kinds = (EntryKind.TURN, EntryKind.GONE)
    infos = [info for kind in kinds for info in store.entries(records.scope, kind.prefix)]
    names = (EntryKind.GONE.prefix + info.key.partition(":")[2] for info in infos)
    keys = list(dict.fromkeys(names))  # a turn forgotten between the listings is in both
    for start in range(0, len(keys), BATCH):
        store.commit(graves, [tombstone(graves, key, when) for key in keys[start : start + BATCH]])
    if keys:
        store.commit(graves, [tombstone(graves, _WHEN, when)])


def forgotten(records: ScopeRecords, turns: Sequence[Turn], keys: Sequence[str]) -> list[bool]:
    """Whether each turn was forgotten: by its key, or with its scope if it is of a time before
    that."""
    names = [gone_key(key) for key in keys]
    graves = graves_of(records.scope)
    here = records.store.get(records.scope, names)
    *there, when = records.store.get(graves, [*names, _WHEN])
    until = unpack_tombstone(when.value, entry_place(graves, when.key)) if when else None
    return [
        one is not None or other is not None or _is_before(turn, until)
        for turn, one, other in zip(turns, here, there, strict=True)
    ]


def readmit(records: ScopeRecords, turn: str | None) -> int:
    """Remove the tombstones of a turn, or of a scope and all its turns; how many there were."""
    scopes, removed = (records.scope, graves_of(records.scope)), 0
    for scope in scopes:
        if turn is not None:
            keys = [gone_key(turn)]
        else:
            keys = [info.key for info in records.store.entries(scope, EntryKind.GONE.prefix)]
        found = [entry.key for entry in records.store.get(scope, keys) if entry]
        for start in range(0, len(found), BATCH):
            batch = found[start : start + BATCH]
            records.store.commit(scope, [Change(key, None) for key in batch])
        removed += len(found)
    if turn is None:
        records.store.clear(graves_of(records.scope))
    return removed


def _is_before(turn: Turn, when: float | None) -> bool:
    return turn.time is not None and when is not None and turn.time <= when
