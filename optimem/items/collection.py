"""A collection of items on a store: put, get, search, list namespaces, remove what has expired.

A search ranks by words, and by vectors if it is given one.

Puts under one first label of a namespace go to one shard in one atomic commit; puts to several
shards are several commits. Times are seconds since the epoch, kept to the microsecond. Knows
nothing of entries or their bytes.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any, NamedTuple

from optimem.errors import InputError, OptimemError
from optimem.items import serialization
from optimem.items.catalogue import Catalogue, ItemRef
from optimem.items.filters import check_filter, matches, text_at
from optimem.items.names import Address, Namespace, check_address, shard_of, shard_scopes
from optimem.items.serialization import check_value
from optimem.items.shard import Item, ItemShard, NewItem
from optimem.items.vectors import ItemVectors, Rows, find_model
from optimem.protocols import Store

MICROSECONDS = 1_000_000
"""In a second."""

MAX_SECONDS = 1e10
"""Limit of times and of times to live. The digits of a stamp last until the year 4253."""

READ_BATCH = 64
"""Items read at a time while a search applies its filter."""

SWEEP_BATCH = 64
"""Expired items removed in one commit."""

log = logging.getLogger("optimem")


class ItemHit(NamedTuple):
    """An item found by a search. `score`: see `ItemQuery`; None if nothing of the query leads to
    the item."""

    item: Item
    score: float | None


class ItemQuery(NamedTuple):
    """What to search for: items in and below `namespace`, ranked by `words`, none of which is
    required, that match `filter` (see `filters`). Returns `limit` items after skipping `offset`.

    The score is BM25's. With a `vector` it is the cosine of the nearest vector of the item (0 if it
    has none), and words lift it towards 1: by half of the way for the item that they match best,
    and by as much less as BM25 is smaller.
    """

    namespace: Namespace
    words: str | None = None
    filter: Mapping[str, Any] | None = None
    limit: int = 10
    offset: int = 0
    vector: ItemVectors | None = None


def new_item(
    value: Any,
    paths: Iterable[Sequence[str]] = (),
    ttl: float | None = None,
    vectors: ItemVectors | None = None,
) -> NewItem:
    """An item to put. `paths`: to the text it is found by, as in `filters`. `ttl`: seconds it
    lives after it was last put or touched; None if it never expires. `vectors`: of its text.
    Raises InputError for a value that is not a JSON object, and for a `ttl` that is not
    positive."""
    if ttl is not None and not 0 < ttl < MAX_SECONDS:
        raise InputError(
            f"an item cannot live {ttl} s; give a positive number under {MAX_SECONDS:g}, or None "
            "if it never expires"
        )
    check_value(value)
    words = serialization.pack_words("\n".join(text_at(value, path) for path in paths))
    lifetime = None if ttl is None else max(round(ttl * MICROSECONDS), 1)
    packed = vectors.pack() if vectors else b""
    return NewItem(serialization.pack_value(value), words, lifetime, packed)


class Collection:
    """The items under one `name` on a store, apart from those under other names. Any number of
    threads and processes may use a collection at once. Raises ScopeError for an unusable name.
    """

    def __init__(self, store: Store, name: str = "") -> None:
        self._shards = [ItemShard(store, scope) for scope in shard_scopes(name)]
        self._store = store
        self._catalogue = Catalogue(store)

    def get(self, addresses: Sequence[Address], now: float) -> list[Item | None]:
        """The items in the order of `addresses`; None for one that does not exist or has
        expired."""
        moment, found = _microseconds(now), dict[Address, Item | None]()
        for shard, here in self._by_shard(addresses):
            found.update(zip(here, shard.read(here), strict=True))
        items = (found[address] for address in addresses)
        return [item if item and item.is_live(moment) else None for item in items]

    def write(self, puts: Mapping[Address, NewItem | None], now: float) -> None:
        """Put items; delete those with None. Raises InputError for a namespace without labels or
        with an empty one, and ConflictError if other writers get in between every time."""
        moment = _microseconds(now)
        for address in puts:
            check_address(address)
        for shard, here in self._by_shard(puts):
            shard.write({address: puts[address] for address in here}, moment)

    def touch(self, items: Iterable[Item], now: float) -> None:
        """Restart the time to live of items that expire."""
        moment, unique = _microseconds(now), {item.address: item for item in items}
        for shard, here in self._by_shard(unique):
            shard.touch([unique[address] for address in here], moment)

    def search(self, query: ItemQuery, now: float) -> list[ItemHit]:
        """The items that match a query: first those that contain its words, best first, then all
        others, newest first. Raises InputError for an invalid filter, limit or offset."""
        if query.limit < 0 or query.offset < 0:
            raise InputError(
                f"limit={query.limit} and offset={query.offset} must not be negative; give 0 or "
                "more"
            )
        conditions = query.filter or {}
        check_filter(conditions)
        ordered = self._ordered(query, _microseconds(now))
        if not conditions:
            return list(self._hits(ordered[query.offset : query.offset + query.limit], now))
        hits = (hit for hit in self._hits(ordered, now) if matches(hit.item.value, conditions))
        return list(islice(hits, query.offset, query.offset + query.limit))

    def model(self, probe: Rows) -> bytes:
        """The collection's name for the model that gave `probe` as the vector of `PROBE`."""
        return find_model(self._store, self._shards[0].scope, probe)

    def namespaces(self, namespace: Namespace, now: float) -> set[Namespace]:
        """The namespaces that hold an item, from `namespace` down."""
        live = self._live(namespace, _microseconds(now))
        return {ref.name.address.namespace for ref in live}

    def sweep(self, now: float) -> int:
        """Remove all expired items. Returns how many."""
        moment, removed = _microseconds(now), 0
        for shard in self._shards:
            expired = self._catalogue.expired(shard.scope, moment)
            addresses = [ref.name.address for ref in expired]
            for start in range(0, len(addresses), SWEEP_BATCH):
                removed += shard.remove_expired(addresses[start : start + SWEEP_BATCH], moment)
        return removed

    def _live(self, namespace: Namespace, now: int) -> list[ItemRef]:
        shards = [self._shards[shard_of(namespace[0])]] if namespace else self._shards
        return [
            ref for shard in shards for ref in self._catalogue.live(shard.scope, namespace, now)
        ]

    def _ordered(self, query: ItemQuery, now: int) -> list[tuple[ItemRef, float | None]]:
        """All live items of a namespace with their scores, in the order of `search`."""
        refs = self._live(query.namespace, now)
        refs.sort(key=lambda ref: (-ref.name.updated, ref.name.address))
        if not query.words:
            return [(ref, None) for ref in refs]
        ranked = self._catalogue.ranked(refs, query.words)
        if query.vector:
            ranked = _lifted(self._catalogue.similarities(refs, query.vector), ranked)
        scores: dict[ItemRef, float | None] = dict(ranked)
        return [*scores.items(), *((ref, None) for ref in refs if ref not in scores)]

    def _hits(
        self, ordered: Sequence[tuple[ItemRef, float | None]], now: float
    ) -> Iterator[ItemHit]:
        """The items of these references, read as they are needed, without those that are gone."""
        for start in range(0, len(ordered), READ_BATCH):
            batch = ordered[start : start + READ_BATCH]
            items = self.get([ref.name.address for ref, _ in batch], now)
            for item, (_, score) in zip(items, batch, strict=True):
                if item:
                    yield ItemHit(item, score)

    def _by_shard(self, addresses: Iterable[Address]) -> Iterator[tuple[ItemShard, list[Address]]]:
        groups: defaultdict[int, list[Address]] = defaultdict(list)
        for address in addresses:
            groups[shard_of(address.namespace[0] if address.namespace else "")].append(address)
        for number, group in sorted(groups.items()):
            yield self._shards[number], group


class Sweeper:
    """A thread that calls `sweep`, which returns the number of items removed, at an interval. A
    sweep that fails is logged; the thread goes on."""

    def __init__(self, sweep: Callable[[], int]) -> None:
        self._sweep = sweep
        self._lock = threading.Lock()
        self._stopped, self._done = threading.Event(), Future[None]()
        self._thread: threading.Thread | None = None

    def start(self, interval: float) -> "Future[None]":
        """Sweep every `interval` seconds, first after one interval. Does nothing if the thread is
        running. The returned future is done when the thread ends; cancelling it stops the thread.
        Raises InputError for an interval that is not positive."""
        if not interval > 0:
            raise InputError(f"cannot sweep every {interval} s; give a positive number")
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._launch(interval)
            return self._done

    def stop(self, timeout: float | None = None) -> bool:
        """Stop the thread and wait up to `timeout` seconds for its end, forever if None. Returns
        whether it has ended."""
        with self._lock:
            self._stopped.set()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _launch(self, interval: float) -> None:
        stopped, done = threading.Event(), Future[None]()
        done.add_done_callback(lambda _: stopped.set())
        arguments = (stopped, interval, done)
        thread = threading.Thread(
            target=self._run, args=arguments, name="optimem-sweeper", daemon=True
        )
        self._stopped, self._done, self._thread = stopped, done, thread
        thread.start()

    def _run(self, stopped: threading.Event, interval: float, done: "Future[None]") -> None:
        while not stopped.wait(interval):
            try:
                removed = self._sweep()
            except OptimemError as error:
                log.error("cannot remove expired items, will try again: %s", error)
            else:
                log.debug("removed %d expired items", removed)
        if done.set_running_or_notify_cancel():
            done.set_result(None)


def _lifted(
    cosines: Mapping[ItemRef, float], ranked: Sequence[tuple[ItemRef, float]]
) -> list[tuple[ItemRef, float]]:
    """Items by cosine, lifted by their words, best first; see `ItemQuery`."""
    most = max((score for _, score in ranked), default=0.0)
    shares = {ref: score / most for ref, score in ranked if most > 0}
    scores = {
        ref: cosine + (1 - cosine) * shares.get(ref, 0.0) / 2
        for ref in [*cosines, *(ref for ref in shares if ref not in cosines)]
        for cosine in [cosines.get(ref, 0.0)]
    }
    return sorted(scores.items(), key=lambda scored: -scored[1])


def _microseconds(now: float) -> int:
    """Seconds since the epoch in microseconds. Raises InputError for an invalid time."""
    if not 0 <= now < MAX_SECONDS:
        raise InputError(f"now={now} is not a time; give seconds since the epoch")
    return round(now * MICROSECONDS)
