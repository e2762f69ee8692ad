"""LangGraph's index configuration: which texts of an item are embedded, by whose model, and what of
its vectors an `optimem.items` collection is given. Knows nothing of ranking.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from langgraph.store.base import IndexConfig, Op, PutOp, SearchOp
from langgraph.store.base.embed import ensure_embeddings, get_text_at_path

from optimem.errors import InputError
from optimem.items.collection import Collection
from optimem.items.vectors import PROBE, ItemVectors, Rows, quantise


class Vectors(NamedTuple):
    """The vectors of texts that are put, and of queries: models may embed the two differently."""

    documents: Mapping[str, Rows] = {}
    queries: Mapping[str, Rows] = {}


class Embedder:
    """The embedding model of a store. Raises InputError for a configuration without a model or
    with an invalid size, and what LangGraph raises for a model that cannot be loaded.

    `fields`: paths to the texts of an item that are embedded, each with a vector of its own."""

    def __init__(self, index: IndexConfig, fields: Sequence[str], items: Collection) -> None:
        dims = index.get("dims")
        if index.get("embed") is None or isinstance(dims, bool) or not isinstance(dims, int):
            raise InputError(f"index needs 'embed' and 'dims', a number; it has {sorted(index)}")
        if dims < 1:
            raise InputError(f"dims={dims} is not the size of a vector; give the model's")
        self.dims, self.fields = dims, fields
        self._embeddings = ensure_embeddings(index["embed"])
        self._items, self._model = items, b""

    def embed(self, ops: Sequence[Op]) -> Vectors:
        """The vectors of all that operations put and ask."""
        texts, queries = self._texts(ops), _queries(ops)
        documents = self._embeddings.embed_documents(texts) if texts else []
        asked = [self._embeddings.embed_query(query) for query in queries]
        return Vectors(self._quantised(texts, documents), self._quantised(queries, asked))

    async def aembed(self, ops: Sequence[Op]) -> Vectors:
        """Async twin of `embed`."""
        texts, queries = self._texts(ops), _queries(ops)
        documents = await self._embeddings.aembed_documents(texts) if texts else []
        asked = await asyncio.gather(*map(self._embeddings.aembed_query, queries))
        return Vectors(self._quantised(texts, documents), self._quantised(queries, asked))

    def of_item(self, op: PutOp, vectors: Vectors) -> ItemVectors | None:
        """The vectors of what an operation puts; None if it has none."""
        rows = [vectors.documents[text] for text in self._item_texts(op)]
        return ItemVectors(self._model_of(vectors), np.concatenate(rows)) if rows else None

    def of_query(self, query: str | None, vectors: Vectors) -> ItemVectors | None:
        """The vector of a query; None for no query."""
        return ItemVectors(self._model_of(vectors), vectors.queries[query]) if query else None

    def _texts(self, ops: Sequence[Op]) -> list[str]:
        """What is put, each text once; with the sentence that tells the model, while that is not
        known."""
        puts = [op for op in ops if isinstance(op, PutOp)]
        texts = dict.fromkeys(text for op in puts for text in self._item_texts(op))
        if not self._model and (texts or _queries(ops)):
            texts[PROBE] = None
        return list(texts)

    def _item_texts(self, op: PutOp) -> list[str]:
        if op.value is None or op.index is False:
            return []
        paths = self.fields if op.index is None else op.index
        return [text for path in paths for text in get_text_at_path(op.value, path) if text]

    def _quantised(self, texts: Sequence[str], given: Sequence[Sequence[float]]) -> dict[str, Rows]:
        if len(given) != len(texts):
            raise InputError(
                f"the embedding model gave {len(given)} vectors for {len(texts)} texts; make it "
                "give one for each"
            )
        rows = quantise(given, self.dims)
        return {text: rows[at : at + 1] for at, text in enumerate(texts)}

    def _model_of(self, vectors: Vectors) -> bytes:
        if not self._model:
            self._model = self._items.model(vectors.documents[PROBE])
        return self._model


def _queries(ops: Sequence[Op]) -> list[str]:
    """What is asked, each query once."""
    return list(dict.fromkeys(op.query for op in ops if isinstance(op, SearchOp) and op.query))
