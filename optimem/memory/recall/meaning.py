"""What turns mean, if an embedding model was given: vectors are made when a page is written, kept
beside its words, and compared with a question when turns are recalled.

Memory does not depend on the model: if it fails, pages are written and turns found all the same, by
words alone, and the log says so. Vectors of another model are passed over.
"""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from optimem.errors import EmbeddingError
from optimem.memory.caching import LRU
from optimem.memory.recall.embedding import Embedder, Embeddings
from optimem.memory.recall.ranker_cache import SCOPES
from optimem.memory.recall.retrieval import IndexRow
from optimem.memory.recall.stretches import stretches
from optimem.memory.records.records import Chunk, PageKey
from optimem.memory.records.scope_records import ScopeRecords, Stored
from optimem.memory.records.vectors import PageVectors, turn_cosines
from optimem.turns import Scope

log = logging.getLogger("optimem")


class Meanings:
    """The vectors of a memory's turns. Safe for threads as far as the model is."""

    def __init__(self, model: Embeddings) -> None:
        self._embedder = Embedder(model)
        self._cache: LRU[Scope, Mapping[PageKey, Stored[PageVectors]]] = LRU(SCOPES)

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

    def nearness(
        self,
        records: ScopeRecords,
        page_keys: Sequence[PageKey],
        tail: Sequence[Chunk],
        turns: NDArray[np.int64],
        query: str,
    ) -> NDArray[np.float64] | None:
        """How near each of a scope's `turns` (T,) is to a question, those of the tail too; None if
        the model fails."""
        try:
            direction = self._embedder.direction(query)
            last = self.of([IndexRow.of(chunk, chunk.text) for chunk in tail])
        except EmbeddingError as error:
            log.warning("%s is searched by words alone: %s", records.scope, error)
            return None
        known = self._cache.get(records.scope)
        entries = records.vector_entries(page_keys, known or {})
        self._cache.put(records.scope, entries)
        own = [found.record for found in entries.values() if last.mark.same(found.record.mark)]
        if known is None and len(own) < len(page_keys):
            log.warning(
                "%d of %d pages of %s have no vectors of this model and are found by words alone; "
                "`optimem reindex` makes them",
                len(page_keys) - len(own), len(page_keys), records.scope,
            )  # fmt: skip
        return turn_cosines(turns, [*own, last], direction)

    def forget(self) -> None:
        """Drop what is kept in memory of turns."""
        self._embedder.forget()
        self._cache.clear()
