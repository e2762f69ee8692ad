"""Lists and ranks the items of a collection by their marks, without reading their values.

Caches marks: a mark's key and version say whether it has changed. Safe for threads.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from optimem.items import serialization
from optimem.items.names import MarkName, Namespace, mark_prefix
from optimem.items.serialization import ItemMark
from optimem.items.vectors import ItemVectors, cosines
from optimem.memory.caching import LRU
from optimem.memory.recall.retrieval import TurnRanker
from optimem.memory.records.records import entry_place
from optimem.memory.records.word_secret import word_secret
from optimem.protocols import Store
from optimem.turns import Scope

CACHED_MARKS = 1 << 14
"""Marks kept in memory, of about a kilobyte each."""

BATCH = 512
"""Marks fetched at a time."""


class ItemRef(NamedTuple):
    """An item as listed: the scope, name and version of its mark."""

    scope: Scope
    name: MarkName
    version: int


class Catalogue:
    """The items of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: LRU[ItemRef, ItemMark] = LRU(CACHED_MARKS)

    def live(self, scope: Scope, namespace: Namespace, now: int) -> list[ItemRef]:
        """The items of a scope, in and below a namespace, that have not expired. `now`:
        microseconds since the epoch."""
        refs = self._list(scope, namespace)
        expired = {ref for ref, expires in self._expiries(refs) if expires <= now}
        return [ref for ref in refs if ref not in expired]

    def expired(self, scope: Scope, now: int) -> list[ItemRef]:
        """The items of a scope that have expired. `now`: microseconds since the epoch."""
        expiries = self._expiries(self._list(scope, ()))
        return [ref for ref, expires in expiries if expires <= now]

    def ranked(self, refs: Sequence[ItemRef], query: str) -> list[tuple[ItemRef, float]]:
        """Those items that match a query, with their BM25 scores, best first. Items of equal
        score keep the order of `refs`."""
        # The ranker puts the highest sequence number first among equals.
        numbers = {ref: len(refs) - index for index, ref in enumerate(refs)}
        indexes = [
            replace(mark.words, sequence=np.array([numbers[ref]], np.int64))
            for ref, mark in self._read(refs)
            if mark.words
        ]
        best = TurnRanker.of(indexes).best(query, len(refs))
        return [(refs[len(refs) - number], score) for number, score in best]

    def similarities(self, refs: Sequence[ItemRef], query: ItemVectors) -> dict[ItemRef, float]:
        """The cosine of a query with the nearest vector of each item that has some of the same
        model."""
        found = [
            (ref, vectors.rows)
            for ref, mark in self._read(refs)
            if mark.vectors and (vectors := ItemVectors.parse(mark.vectors)).model == query.model
        ]
        if not found:
            return {}
        nearest = cosines(np.concatenate([rows for _, rows in found]), query.rows)
        starts = np.cumsum([0, *(len(rows) for _, rows in found[:-1])])
        best = np.maximum.reduceat(nearest, starts)
        return {ref: float(score) for (ref, _), score in zip(found, best, strict=True)}

    def _list(self, scope: Scope, namespace: Namespace) -> list[ItemRef]:
        listed = self._store.entries(scope, mark_prefix(namespace))
        return [ItemRef(scope, MarkName.parse(info.key), info.version) for info in listed]

    def _expiries(self, refs: Sequence[ItemRef]) -> list[tuple[ItemRef, int]]:
        """The items that can expire, and when they do."""
        marks = self._read([ref for ref in refs if ref.name.has_ttl])
        return [(ref, mark.expires) for ref, mark in marks if mark.expires is not None]

    def _read(self, refs: Sequence[ItemRef]) -> list[tuple[ItemRef, ItemMark]]:
        """The marks of items, without those that have been deleted meanwhile."""
        found = {ref: mark for ref in refs if (mark := self._cache.get(ref))}
        missing = [ref for ref in refs if ref not in found]
        for start in range(0, len(missing), BATCH):
            for ref, mark in self._fetch(missing[start : start + BATCH]).items():
                found[ref] = mark
                self._cache.put(ref, mark)
        return [(ref, found[ref]) for ref in refs if ref in found]

    def _fetch(self, refs: Sequence[ItemRef]) -> dict[ItemRef, ItemMark]:
        found: dict[ItemRef, ItemMark] = {}
        secret = word_secret(self._store)
        for scope in {ref.scope for ref in refs}:
            here = [ref for ref in refs if ref.scope == scope]
            entries = self._store.get(scope, [ref.name.entry_key for ref in here])
            for ref, entry in zip(here, entries, strict=True):
                if entry:
                    found[ref] = serialization.unpack_mark(
                        entry.value, entry_place(scope, entry.key), secret
                    )
        return found
