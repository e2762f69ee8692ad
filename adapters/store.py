"""A LangGraph store on a file or on plain Redis: JSON under namespaces, exact, searched by words,
and by meaning if it is given an embedding model. Translates LangGraph's operations to
`optimem.items`.
"""

import asyncio
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from langgraph.store.base import (
    BaseStore,
    GetOp,
    IndexConfig,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    tokenize_path,
    validate_op_namespace,
)
from langgraph.store.base import Item as LangGraphItem

from optimem.adapters.embedding import Embedder, Vectors
from optimem.build import store_at
from optimem.errors import InputError
from optimem.items.collection import Collection, ItemQuery, Sweeper, new_item
from optimem.items.filters import ANY, WHOLE, has_prefix, has_suffix
from optimem.items.names import Address, Namespace
from optimem.items.shard import Item, NewItem
from optimem.protocols import Clock, Store

MINUTE = 60.0
SWEEP_MINUTES = 5
"""Between sweeps, as in LangGraph's SQLite and Postgres stores."""
MATCHERS = {"prefix": has_prefix, "suffix": has_suffix}


class OptimemStore(BaseStore):
    """`create_agent(model, tools, store=OptimemStore.open("redis://localhost"))`.

    Behaves like LangGraph's SQLite and Postgres stores: a search without a query returns the
    latest put first; putting again keeps `created_at`; a batch reads before it writes, and the
    last of two puts of one key counts. Values must be JSON, or hold tuples, and come back equal;
    InputError names the path of anything else. A batch whose namespaces share their first label
    is atomic.

    `search(query=…)` ranks by BM25 over the words of `fields`, or of what `put(index=[…])` names;
    items without a word of the query follow with score None. With an `index`, as LangGraph's
    stores take it ({"embed": model, "dims": n, "fields": […]}), it ranks by the cosine of the
    query with the item's nearest vector, which words that match lift towards 1 (`ItemQuery` says
    how far). Vectors are kept at a byte a value; those of another model are never compared, and
    their items are found by words until they are put again.

    `name`: of a collection; several may share a store, also with a memory. `fields`: paths to
    index, "$" for the whole value; those of `index` come first. `ttl`: LangGraph's
    configuration, in minutes; expired items are never returned, swept or not (`sweep_ttl`,
    `start_ttl_sweeper`). `clock`: seconds since the epoch.
    """

    supports_ttl = True

    def __init__(
        self,
        store: Store,
        *,
        name: str = "",
        fields: Sequence[str] = (WHOLE,),
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
        clock: Clock = time.time,
        owns_store: bool = False,
    ) -> None:
        super().__init__()
        self.store, self.clock, self.ttl_config = store, clock, ttl
        self._fields = tuple((index or {}).get("fields") or fields)
        self._items = Collection(store, name)
        self._embedder = Embedder(index, self._fields, self._items) if index is not None else None
        self._owns_store = owns_store
        self._sweeper = Sweeper(self.sweep_ttl)

    @classmethod
    def open(
        cls,
        store: "str | Path | Store | Any | None" = None,
        *,
        name: str = "",
        fields: Sequence[str] = (WHOLE,),
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
        clock: Clock = time.time,
    ) -> Self:
        """Open a store as `OpticalMemory.open` does: a file path, `redis://` URL, Redis client
        or `Store`. Default: `OPTIMEM_STORE`, else a file in the user's data folder. `close`
        closes what was opened here."""
        opened = store_at(store)
        owns = opened is not store
        return cls(
            opened, name=name, fields=fields, index=index, ttl=ttl, clock=clock, owns_store=owns
        )

    @classmethod
    def from_conn_string(
        cls, conn_string: str, *, index: IndexConfig | None = None, ttl: TTLConfig | None = None
    ) -> Self:
        """`open` under the name that LangGraph's stores give it. For `with` and `async with`."""
        return cls.open(conn_string, index=index, ttl=ttl)

    def setup(self) -> "Ready":
        """Nothing, as there are no tables to create; may be awaited. For code that was written for
        LangGraph's stores."""
        return Ready()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """The results of operations, in order; reads come before writes. Raises InputError for
        an invalid value, filter or time to live, and LangGraph's InvalidNamespaceError, both
        before anything is written."""
        ops = _checked(ops)
        return self._run(ops, self._embedder.embed(ops) if self._embedder else Vectors())

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Async twin of `batch`, which an embedding model needs that is only async."""
        ops = _checked(ops)
        vectors = await self._embedder.aembed(ops) if self._embedder else Vectors()
        return await asyncio.to_thread(self._run, ops, vectors)

    def sweep_ttl(self) -> int:
        """Remove expired items and return their number."""
        return self._items.sweep(self.clock())

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> "Future[None]":
        """Sweep in a thread until `stop_ttl_sweeper` or `close` is called, or the future is
        cancelled. Default interval: the configured `sweep_interval_minutes`, else 5."""
        configured = (self.ttl_config or {}).get("sweep_interval_minutes")
        minutes = sweep_interval_minutes or configured or SWEEP_MINUTES
        return self._sweeper.start(minutes * MINUTE)

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """Stop sweeping; whether the thread ended within `timeout` seconds."""
        return self._sweeper.stop(timeout)

    def close(self) -> None:
        """Stop sweeping, and close the store if it was opened here."""
        self._sweeper.stop()
        if self._owns_store:
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def _run(self, ops: Sequence[Op], vectors: Vectors) -> list[Result]:
        now, puts = self.clock(), self._puts(ops, vectors)
        results = self._results(ops, vectors, now)
        if puts:
            self._items.write(puts, now)
        return results

    def _puts(self, ops: Sequence[Op], vectors: Vectors) -> dict[Address, NewItem | None]:
        return {
            Address(tuple(op.namespace), op.key): (
                None if op.value is None else self._new_item(op, vectors)
            )
            for op in ops
            if isinstance(op, PutOp)
        }

    def _new_item(self, op: PutOp, vectors: Vectors) -> NewItem:
        value = dict(op.value) if isinstance(op.value, Mapping) else op.value
        paths = () if op.index is False else self._fields if op.index is None else op.index
        tokens = [tokenize_path(path) for path in paths]
        found = self._embedder.of_item(op, vectors) if self._embedder else None
        return new_item(value, tokens, None if op.ttl is None else op.ttl * MINUTE, found)

    def _results(self, ops: Sequence[Op], vectors: Vectors, now: float) -> list[Result]:
        items = self._get([op for op in ops if isinstance(op, GetOp)], now)
        waiting = iter(items)
        return [
            _langgraph_item(next(waiting))
            if isinstance(op, GetOp)
            else self._result(op, vectors, now)
            for op in ops
        ]

    def _get(self, ops: Sequence[GetOp], now: float) -> list[Item | None]:
        if not ops:
            return []
        items = self._items.get([Address(tuple(op.namespace), op.key) for op in ops], now)
        refreshed = [i for op, i in zip(ops, items, strict=True) if i and op.refresh_ttl]
        self._items.touch(refreshed, now)
        return items

    def _result(self, op: Op, vectors: Vectors, now: float) -> Result:
        if isinstance(op, SearchOp):
            return self._search(op, vectors, now)
        if isinstance(op, ListNamespacesOp):
            return self._list_namespaces(op, now)
        if isinstance(op, PutOp):
            return None
        raise InputError(
            f"{type(op).__name__} is not an operation; give GetOp, PutOp, SearchOp or "
            "ListNamespacesOp"
        )

    def _search(self, op: SearchOp, vectors: Vectors, now: float) -> list[SearchItem]:
        prefix = tuple(op.namespace_prefix)
        vector = self._embedder.of_query(op.query, vectors) if self._embedder else None
        query = ItemQuery(prefix, op.query, op.filter, op.limit, op.offset, vector)
        hits = self._items.search(query, now)
        if op.refresh_ttl:
            self._items.touch([hit.item for hit in hits], now)
        return [SearchItem(**_item_fields(hit.item), score=hit.score) for hit in hits]

    def _list_namespaces(self, op: ListNamespacesOp, now: float) -> list[tuple[str, ...]]:
        conditions = op.match_conditions or ()
        found = self._items.namespaces(_common_prefix(conditions), now)
        matching = {
            namespace[: op.max_depth]  # None: all of it
            for namespace in found
            if all(_matches(condition, namespace) for condition in conditions)
        }
        return sorted(matching)[op.offset : op.offset + op.limit]


class Ready:
    """What is done already, for those who await it."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


def _checked(ops: Iterable[Op]) -> list[Op]:
    ops = list(ops)
    for op in ops:
        validate_op_namespace(op)
    return ops


def _common_prefix(conditions: Iterable[MatchCondition]) -> Namespace:
    """The labels with which every namespace that meets the conditions starts."""
    paths = [tuple(c.path) for c in conditions if c.match_type == "prefix"]
    return max((p[: p.index(ANY)] if ANY in p else p for p in paths), key=len, default=())


def _matches(condition: MatchCondition, namespace: Namespace) -> bool:
    if condition.match_type not in MATCHERS:
        raise InputError(
            f"match type {condition.match_type!r} is unknown; give 'prefix' or 'suffix'"
        )
    return MATCHERS[condition.match_type](namespace, condition.path)


def _langgraph_item(item: Item | None) -> LangGraphItem | None:
    return LangGraphItem(**_item_fields(item)) if item else None


def _item_fields(item: Item) -> dict[str, Any]:
    times: dict[str, datetime] = {"created_at": item.created, "updated_at": item.updated}
    return {**item.address._asdict(), "value": item.value, **times}
