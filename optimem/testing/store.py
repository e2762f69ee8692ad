"""A store in a dictionary, to test what is built on the `Store` protocol. Nothing is written to
disk; the data lives as long as the object."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from optimem.protocols import Change, Entry, EntryInfo
from optimem.store.arguments import check_changes, check_lease, conflict_error, key_bytes
from optimem.turns import Scope


class _Held(NamedTuple):
    version: int
    value: bytes


class InMemoryStore:
    """A `Store` for the threads of one process. Entries due at the same time are offered in the
    order in which their due time was set. Closing it keeps the data."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = defaultdict[Scope, dict[str, _Held]](dict)
        self._dues: dict[tuple[Scope, str], float] = {}

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        """See `Store`."""
        with self._lock:
            held_here = self._of(scope)
            found = [held_here.get(key) for key in keys]
        return [
            Entry(key, held.version, held.value) if held else None
            for key, held in zip(keys, found, strict=True)
        ]

    def entries(self, scope: Scope, prefix: str = "") -> list[EntryInfo]:
        """See `Store`."""
        with self._lock:
            return [
                EntryInfo(key, held.version, len(held.value), self._dues.get((scope, key)))
                for key, held in sorted(self._of(scope).items())
                if key.startswith(prefix)
            ]

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        """See `Store`."""
        check_changes(changes)
        for change in changes:
            key_bytes(change.key)  # raises for what other stores cannot spell
        with self._lock:
            versions = [self._version(scope, change.key) for change in changes]
            for change, version in zip(changes, versions, strict=True):
                if change.expect not in (None, version):
                    raise conflict_error(change.key, change.expect, version)
            for change, version in zip(changes, versions, strict=True):
                self._remove(scope, change.key)
                if change.value is not None:
                    self._held[scope][change.key] = _Held(version + 1, bytes(change.value))
                    if change.due is not None:
                        self._dues[scope, change.key] = change.due

    def scopes(self) -> Iterator[Scope]:
        """See `Store`."""
        with self._lock:
            return iter([*self._held])

    def claim_due(self, now: float, limit: int, lease: float) -> list[tuple[Scope, str]]:
        """See `Store`."""
        check_lease(lease)
        with self._lock:
            claimed = self._due(now, limit)
            for entry in claimed:
                del self._dues[entry]  # to be the last of those due at the same time
                self._dues[entry] = now + lease
        return claimed

    def time(self) -> float:
        """See `Store`."""
        return time.time()

    def peek_due(self, now: float, limit: int) -> list[tuple[Scope, str]]:
        """See `Store`."""
        with self._lock:
            return self._due(now, limit)

    def clear(self, scope: Scope) -> int:
        """See `Store`."""
        with self._lock:
            keys = [*self._of(scope)]
            for key in keys:
                self._remove(scope, key)
        return len(keys)

    def usage(self, scope: Scope) -> int:
        """See `Store`."""
        with self._lock:
            held = dict(self._of(scope))
        return sum(len(key_bytes(key)) + len(entry.value) for key, entry in held.items())

    def wipe(self) -> list[str]:
        """See `Store`."""
        return []

    def remains(self, scope: Scope, starts: Sequence[str]) -> list[str]:
        """See `Store`."""
        return []

    def describe(self) -> dict[str, str]:
        """See `Store`."""
        return {"kind": "in memory"}

    def purge(self) -> list[str]:
        """See `Store`."""
        return []

    def close(self) -> None:
        """See `Store`."""

    def _of(self, scope: Scope) -> Mapping[str, _Held]:
        return self._held.get(scope, {})

    def _remove(self, scope: Scope, key: str) -> None:
        self._dues.pop((scope, key), None)
        self._held[scope].pop(key, None)
        if not self._held[scope]:
            del self._held[scope]

    def _version(self, scope: Scope, key: str) -> int:
        held = self._of(scope).get(key)
        return held.version if held else 0

    def _due(self, now: float, limit: int) -> list[tuple[Scope, str]]:
        due = sorted((e for e, at in self._dues.items() if at <= now), key=self._dues.__getitem__)
        return due[: max(limit, 0)]
