"""The marks of a collection: which items there are, without reading them, and which of them a
query is about. Marks that were read before are kept, by name and version.

Safe for threads. Knows nothing of values.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from optimem.items import serialization
from optimem.items.names import MarkName, Namespace, marks_below
from optimem.items.serialization import Mark
from optimem.memory.caching import LRU
from optimem.memory.retrieval import TurnRanker
from optimem.protocols import Store
from optimem.turns import Scope

KNOWN = 1 << 14
"""Marks kept in memory: about a kilobyte each."""
BATCH = 512
"""Marks fetched at a time."""


class Place(NamedTuple):
    """An item that lives, and where."""

    scope: Scope
    name: MarkName
    version: int


class Catalogue:
    """Lists items, and ranks them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: LRU[Place, Mark] = LRU(KNOWN)

    def living(self, scope: Scope, prefix: Namespace, now: int) -> list[Place]:
        """The items below a namespace that have not expired."""
        places = self._places(scope, prefix)
        ended = {place.name for place, expires in self._timed(places) if expires <= now}
        return [place for place in places if place.name not in ended]

    def expired(self, scope: Scope, now: int) -> list[Place]:
        """The items of a scope that have expired."""
        timed = self._timed(self._places(scope, ()))
        return [place for place, expires in timed if expires <= now]

    def ranked(self, places: Sequence[Place], query: str) -> list[tuple[Place, float]]:
        """Those that a query is about, with BM25's score, best first; of equal scores the first
        of `places`."""
        # The ranker puts the highest number first among equals.
        numbers = {place: len(places) - at for at, place in enumerate(places)}
        indexes = [
            replace(mark.words, sequence=np.array([numbers[place]], np.int64))
            for place, mark in self._read(places)
            if mark.words
        ]
        best = TurnRanker(indexes).best(query, len(places))
        return [(places[len(places) - number], score) for number, score in best]

    def _places(self, scope: Scope, prefix: Namespace) -> list[Place]:
        listed = self._store.entries(scope, marks_below(prefix))
        return [Place(scope, MarkName.parse(info.key), info.version) for info in listed]

    def _timed(self, places: Sequence[Place]) -> list[tuple[Place, int]]:
        """Places of items that expire, and when."""
        marks = self._read([place for place in places if place.name.timed])
        return [(place, mark.expires) for place, mark in marks if mark.expires is not None]

    def _read(self, places: Sequence[Place]) -> list[tuple[Place, Mark]]:
        """Marks; those that are gone meanwhile are left out."""
        found = {place: mark for place in places if (mark := self._known.get(place))}
        missing = [place for place in places if place not in found]
        for start in range(0, len(missing), BATCH):
            for place, mark in self._fetched(missing[start : start + BATCH]).items():
                found[place] = mark
                self._known.put(place, mark)
        return [(place, found[place]) for place in places if place in found]

    def _fetched(self, places: Sequence[Place]) -> dict[Place, Mark]:
        found: dict[Place, Mark] = {}
        for scope in {place.scope for place in places}:
            here = [place for place in places if place.scope == scope]
            entries = self._store.get(scope, [place.name.entry for place in here])
            pairs = zip(here, entries, strict=True)
            found |= {
                place: serialization.unpack_mark(entry.value) for place, entry in pairs if entry
            }
        return found
