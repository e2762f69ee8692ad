"""Pages that were read a short while ago are not decoded again.

An agent recalls from the same pages at every call. Reading is a function of a page's tokens, so
what is kept here is only ever what would be read anyway. Knows nothing of records or stores; it
holds cells in memory, never on disk. A memory that forgets lets go of all of them; another process
with the same store keeps what it read until it ends or reads other pages.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from optimem.protocols import Decoder, ReadCells, VisionTokens

PAGES = 64
"""Pages kept: up to 12,800 cells of six bytes each, so 5 MB."""


class CachingDecoder:
    """A decoder that keeps the cells of the last `pages` pages it read. Safe for threads; the
    cells it gives are read-only."""

    def __init__(self, decoder: Decoder, pages: int = PAGES) -> None:
        self._decoder, self._pages = decoder, pages
        self._lock = threading.Lock()
        self._known: OrderedDict[VisionTokens, ReadCells] = OrderedDict()

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        """See `Decoder`."""
        with self._lock:
            found = {each: self._known[each] for each in tokens if each in self._known}
        missing = [each for each in dict.fromkeys(tokens) if each not in found]
        if missing:
            read = self._decoder.read(missing)
            found |= zip(missing, map(_fixed, read), strict=True)
        with self._lock:
            for each in tokens:
                self._known[each] = found[each]
                self._known.move_to_end(each)
            while len(self._known) > self._pages:
                self._known.popitem(last=False)
        return [found[each] for each in tokens]

    def let_go(self) -> None:
        """Keep nothing of what was read so far."""
        with self._lock:
            self._known.clear()


def clear_cache(decoder: Decoder) -> None:
    """Nothing of what a decoder has read stays in this process, if it is one that keeps it."""
    if isinstance(decoder, CachingDecoder):
        decoder.let_go()


def _fixed(cells: ReadCells) -> ReadCells:
    for array in (cells.ids, cells.probability):
        array.setflags(write=False)
    return cells
