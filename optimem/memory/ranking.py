"""Rankers kept between recalls: what is asked often is not read from the store each time.

Only index entries that are new or changed are fetched; entries are named by their version.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from optimem import codec, keys
from optimem.keys import PageKey
from optimem.memory.shelf import Shelf
from optimem.records import Chunk, PageIndex
from optimem.retrieval import TurnRanker, index_page
from optimem.turns import Scope

SCOPES = 64
"""Scopes whose index is kept in memory between recalls."""

State = tuple[object, ...]


@dataclass
class Known:
    """What is known of a scope: index entries by name with their versions, and the ranker
    made of them."""

    entries: dict[str, tuple[int, PageIndex]] = field(default_factory=dict)
    state: State = ()
    ranker: TurnRanker = field(default_factory=lambda: TurnRanker([]))


class Rankers:
    """The rankers of the scopes that were asked last. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Scope, Known] = OrderedDict()

    def ranker(
        self, shelf: Shelf, page_keys: Sequence[PageKey], tail: Sequence[Chunk]
    ) -> TurnRanker:
        """A ranker over a scope's pages and open tail as they were seen."""
        with self._lock:
            known = self._known.get(shelf.scope, Known())
        entries = _up_to_date(shelf, {key.words for key in page_keys}, known.entries)
        state = _state(entries, tail)
        if state != known.state:
            known = Known(entries, state, _built(entries, tail))
            with self._lock:
                self._known[shelf.scope] = known
                while len(self._known) > SCOPES:
                    self._known.popitem(last=False)
        with self._lock:
            if shelf.scope in self._known:
                self._known.move_to_end(shelf.scope)
        return known.ranker


def _up_to_date(
    shelf: Shelf, wanted: set[str], known: dict[str, tuple[int, PageIndex]]
) -> dict[str, tuple[int, PageIndex]]:
    infos = [i for i in shelf.store.entries(shelf.scope, keys.INDEX) if i.key in wanted]
    kept = {i.key: known[i.key] for i in infos if known.get(i.key, (0,))[0] == i.version}
    missing = [info.key for info in infos if info.key not in kept]
    for entry in shelf.store.get(shelf.scope, missing) if missing else []:
        if entry:
            kept[entry.key] = entry.version, codec.unpack_index(entry.value)
    return kept


def _state(entries: dict[str, tuple[int, PageIndex]], tail: Sequence[Chunk]) -> State:
    pages = tuple(sorted((key, version) for key, (version, _) in entries.items()))
    return pages, tuple((chunk.position, len(chunk.text), chunk.key) for chunk in tail)


def _built(entries: dict[str, tuple[int, PageIndex]], tail: Sequence[Chunk]) -> TurnRanker:
    rows = [(chunk.position.sequence, chunk.text) for chunk in tail]
    return TurnRanker([*(index for _, index in entries.values()), index_page(rows)])
