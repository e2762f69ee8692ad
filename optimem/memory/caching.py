"""What is kept in memory between calls: a least-recently-used cache, and a decoder with one.

An agent recalls from the same pages at every call. Reading depends on a page's tokens alone, so
the cache only ever returns what would be read anyway. It holds cells in memory, never on disk, and
knows nothing of records or stores. `clear_cache` empties it when a memory forgets; another process
on the same store keeps what it has read until it ends or reads other pages.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from optimem.protocols import Decoder, ReadCells, VisionTokens

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

PAGES = 64
"""Pages cached: up to 12,800 cells of six bytes each, so 5 MB."""


class LRU(Generic[K, V]):
    """Values by key that weigh up to `size` together, or the last one alone; the least recently
    used are dropped. `weigh`: what a value weighs, 1 by default. Safe for threads."""

    def __init__(self, size: int, weigh: Callable[[V], int] = lambda value: 1) -> None:
        self._size, self._weigh = size, weigh
        self._weight = 0
        self._lock = threading.Lock()
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, which counts as used now; None if it is not cached."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: K, value: V) -> None:
        """Cache a value, in place of the one under this key."""
        with self._lock:
            if key in self._values:
                self._weight -= self._weigh(self._values[key])
            self._values[key] = value
            self._values.move_to_end(key)
            self._weight += self._weigh(value)
            while self._weight > self._size and len(self._values) > 1:
                self._weight -= self._weigh(self._values.popitem(last=False)[1])

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._values.clear()
            self._weight = 0


class CachingDecoder:
    """A decoder that caches the cells of the last `pages` pages it read. Safe for threads; the
    cells it returns are read-only."""

    def __init__(self, decoder: Decoder, pages: int = PAGES) -> None:
        self._decoder = decoder
        self._cache: LRU[VisionTokens, ReadCells] = LRU(pages)

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        """See `Decoder`."""
        found = {page: cells for page in tokens if (cells := self._cache.get(page))}
        missing = [page for page in dict.fromkeys(tokens) if page not in found]
        if missing:
            for page, cells in zip(missing, self._decoder.read(missing), strict=True):
                found[page] = _read_only(cells)
                self._cache.put(page, cells)
        return [found[page] for page in tokens]

    def wrap(self, wrapper: Callable[[Decoder], Decoder]) -> None:
        """Put a decoder around the one that reads what is not cached."""
        self._decoder = wrapper(self._decoder)

    def clear(self) -> None:
        """Empty the cache."""
        self._cache.clear()


def clear_cache(decoder: Decoder) -> None:
    """Empty a decoder's cache, if it has one."""
    if isinstance(decoder, CachingDecoder):
        decoder.clear()


def _read_only(cells: ReadCells) -> ReadCells:
    for array in (cells.ids, cells.probability):
        array.setflags(write=False)
    return cells
