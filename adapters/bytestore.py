"""LangChain's key-value store of bytes, on a file or on plain Redis. Its async methods are
LangChain's, which run the sync ones in a thread.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from langchain_core.stores import BaseStore

from optimem.build import store_at
from optimem.errors import InputError, ScopeError
from optimem.protocols import Change, Store
from optimem.turns import Scope

NAMESPACE = "optimem.bytes"
"""Keeps the entries apart from those of a memory on the same store."""
PREFIX = "bytes:"


class OptimemByteStore(BaseStore[str, bytes]):
    """Bytes by key, exact. `name`: of a collection; several may share a store.

    `mset` and `mdelete` commit atomically; if a key is given twice, the last value counts. Raises
    InputError for keys that are not strings and values that are not bytes.
    """

    def __init__(self, store: Store, *, name: str = "", owns_store: bool = False) -> None:
        try:
            self._scope = Scope(namespace=NAMESPACE, session="bytes", user=name)
        except ScopeError as error:
            raise ScopeError(f"{name!r:.200} cannot name a collection: {error}") from error
        self.store, self._owns_store = store, owns_store

    @classmethod
    def open(cls, store: "str | Path | Store | Any | None" = None, *, name: str = "") -> Self:
        """Open a store as `OpticalMemory.open` does: a file path, `redis://` URL, Redis client
        or `Store`. Default: `OPTIMEM_STORE`, else a file in the user's data folder."""
        opened = store_at(store)
        return cls(opened, name=name, owns_store=opened is not store)

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values in the order of their keys; None for a key without one."""
        entries = self.store.get(self._scope, [_entry(key) for key in keys])
        return [None if entry is None else entry.value for entry in entries]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Store values under their keys."""
        changes = {
            key: Change(_entry(key), _check_value(key, value)) for key, value in key_value_pairs
        }
        self.store.commit(self._scope, list(changes.values()))

    def mdelete(self, keys: Sequence[str]) -> None:
        """Remove keys; unknown ones are ignored."""
        self.store.commit(self._scope, [Change(_entry(key), None) for key in dict.fromkeys(keys)])

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """The keys that start with `prefix`, in order."""
        for info in self.store.entries(self._scope, _entry(prefix or "")):
            yield info.key.removeprefix(PREFIX)

    def close(self) -> None:
        """Release the store if it was opened here."""
        if self._owns_store:
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _entry(key: str) -> str:
    if not isinstance(key, str):
        raise InputError(f"the key {key!r:.80} is a {type(key).__name__}; give a string")
    return PREFIX + key


def _check_value(key: str, value: bytes) -> bytes:
    if not isinstance(value, bytes):
        raise InputError(f"the value of {key!r:.80} is a {type(value).__name__}; give bytes")
    return value
