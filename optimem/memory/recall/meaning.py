"""What turns mean, if an embedding model was given: vectors are made when a page is written, kept
beside its words, and compared with a question when turns are recalled.

Memory does not depend on the model: if it fails, pages are written and turns found all the same, by
words alone, and the log says so. Vectors of another model are passed over.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.errors import EmbeddingError
from optimem.memory.caching import LRU
from optimem.memory.recall.embedding import Embedder, Embeddings
from optimem.memory.recall.ranker_cache import SCOPES
from optimem.memory.recall.retrieval import IndexRow
from optimem.memory.recall.stretches import stretches
from optimem.memory.recall.vector_table import Near, VectorTable
from optimem.memory.records.records import Chunk
from optimem.memory.records.scope_records import PageList, ScopeRecords
from optimem.memory.records.vector_records import NOTHING, ScopeVectors, scope_vectors
from optimem.memory.records.vectors import ModelMark, PageVectors, Vectors
from optimem.turns import Scope

STRETCHES = 4_000_000
"""Stretches, of some 70 bytes each, whose vectors are cached."""

log = logging.getLogger("optimem")


class CachedVectors(NamedTuple):
    """The vectors of a scope's `pages` as they are `stored`, and those of the model in a table."""

    pages: PageList
    stored: ScopeVectors
    table: VectorTable


class AskedMeaning(NamedTuple):
    """What a question means, the `direction`, and the turns that it is put to, in `tables`."""

    direction: Vectors
    tables: Sequence[VectorTable]

    def cosines(self, turns: NDArray[np.int64]) -> NDArray[np.float64]:
        """How near each of some turns (n,), by number, is to the question, as a cosine; -1 for one
        that is not known."""
        found = np.full(len(turns), -1.0)
        for table in self.tables:
            np.maximum(found, table.cosines(turns, self.direction), out=found)
        return found

    def nearest(self, turns: NDArray[np.int64]) -> Near:
        """The nearest of a scope's `turns` (T,), and some others."""
        found = [table.nearest(turns, self.direction) for table in self.tables]
        at, into = np.unique(np.concatenate([near.at for near in found]), return_inverse=True)
        cosines = np.full(len(at), -1.0)
        np.maximum.at(cosines, into, np.concatenate([near.cosines for near in found]))
        return Near(at, cosines)


class Meanings:
    """The vectors of a memory's turns. Safe for threads as far as the model is."""

    def __init__(self, model: Embeddings) -> None:
        self._embedder = Embedder(model)
        self._cache: LRU[Scope, CachedVectors] = LRU(
            STRETCHES, lambda cached: len(cached.table) + STRETCHES // SCOPES
        )

    def of(self, rows: Sequence[IndexRow]) -> PageVectors:
        """The vectors of some turns in order. Raises EmbeddingError."""
        found = stretches(rows)
        return PageVectors(
            self._embedder.mark,
            np.array([stretch.first for stretch in found], np.int64),
            np.array([stretch.last for stretch in found], np.int64),
            self._embedder.bits([stretch.text for stretch in found]),
        )

    def of_page(self, rows: Sequence[IndexRow], scope: Scope) -> PageVectors | None:
        """The same for a page that is being written; None if the model fails."""
        try:
            return self.of(rows)
        except EmbeddingError as error:
            log.warning("a new page of %s is found by words alone: %s", scope, error)
            return None

    def made(self, vectors: PageVectors) -> bool:
        """Whether the model made these. Raises EmbeddingError."""
        return vectors.mark.same(self._embedder.mark)

    def asked(
        self, records: ScopeRecords, pages: PageList, tail: Sequence[Chunk], query: str
    ) -> "AskedMeaning | None":
        """A question put to a scope's turns, those of the tail too; None if the model fails."""
        try:
            direction = self._embedder.direction(query)
            last = self.of([IndexRow.of(chunk, chunk.text) for chunk in tail])
        except EmbeddingError as error:
            log.warning("%s is searched by words alone: %s", records.scope, error)
            return None
        known = self._cache.get(records.scope)
        if known is None or not pages.is_of(known.pages):
            known = self._read(records, pages, known, last.mark)
            self._cache.put(records.scope, known)
        return AskedMeaning(direction, [known.table, VectorTable.of([last], self._embedder.width)])

    def _read(
        self, records: ScopeRecords, pages: PageList, known: "CachedVectors | None", mark: ModelMark
    ) -> "CachedVectors":
        """The vectors of a scope's pages. Damage is looked up again at the next question."""
        damage = len(records.damage or ())
        stored = scope_vectors(records, pages.keys, known.stored if known else NOTHING)
        found, width = stored.by_page(), self._embedder.width
        own = [found[key] for key in pages.keys if key in found and mark.same(found[key].mark)]
        if known is None and len(own) < len(pages.keys):
            log.warning(
                "%d of %d pages of %s have no vectors of this model and are found by words alone; "
                "`optimem reindex` makes them",
                len(pages.keys) - len(own), len(pages.keys), records.scope,
            )  # fmt: skip
        sure = len(records.damage or ()) == damage
        return CachedVectors(pages if sure else pages.unsure(), stored, VectorTable.of(own, width))

    def forget(self) -> None:
        """Drop what is kept in memory of turns."""
        self._embedder.forget()
        self._cache.clear()
