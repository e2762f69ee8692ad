"""A collection of items on a store: put, get, search, list namespaces, sweep what has expired.

Puts into one bucket, so all below one first label, are one atomic commit; several buckets are
several commits. Times given are seconds since the epoch, kept to the microsecond.

A thread that removes expired items from time to time. Knows nothing of stores.
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
from optimem.items.catalogue import Catalogue, Place
from optimem.items.filters import checked_filter, fits, text_at
from optimem.items.names import Address, Namespace, bucket_of, bucket_scopes, checked_address
from optimem.items.serialization import checked_value
from optimem.items.shard import Bucket, Item, Parcel
from optimem.protocols import Store

SECOND = 1_000_000
FAR = 1e10
"""Seconds: no time and no time to live is greater. A stamp has room until the year 4253."""
BATCH = 64
"""Items read at a time while a search looks for those that fit."""
SWEPT = 64
"""Expired items removed in one commit."""


class Hit(NamedTuple):
    """An item that a search found; `score` is BM25's, None if no word of a query is in it."""

    item: Item
    score: float | None


class Query(NamedTuple):
    """What is searched. `query`: words that rank, none of which must occur; `filter`: see
    `filters`; `limit` items after the first `offset`."""

    prefix: Namespace
    query: str | None = None
    filter: Mapping[str, Any] | None = None
    limit: int = 10
    offset: int = 0


def parcel(value: Any, paths: Iterable[Sequence[str]] = (), ttl: float | None = None) -> Parcel:
    """A value ready to be put. `paths`: to the words that it is found by, see `texts`. `ttl`:
    seconds that it lives after it was last put or touched; None for ever. Raises InputError for
    a value that is no JSON object, and a time to live that is no positive number."""
    if ttl is not None and not 0 < ttl < FAR:
        raise InputError(
            f"an item cannot live {ttl} s; give a positive number under {FAR:g}, or None for ever"
        )
    checked = checked_value(value)
    words = serialization.pack_words("\n".join(text_at(checked, path) for path in paths))
    lives = None if ttl is None else max(round(ttl * SECOND), 1)
    return Parcel(serialization.pack_value(checked), words, lives)


class Collection:
    """Items under `name` on a store; other names on the same store are apart. Safe for threads,
    and for any number of processes. Raises ScopeError for a name that cannot be used."""

    def __init__(self, store: Store, name: str = "") -> None:
        self._buckets = [Bucket(store, scope) for scope in bucket_scopes(name)]
        self._catalogue = Catalogue(store)

    def get(self, addresses: Sequence[Address], now: float) -> list[Item | None]:
        """Items in the order asked for; None where there is none or it has expired."""
        moment, found = _moment(now), dict[Address, Item | None]()
        for bucket, here in self._by_bucket(addresses):
            found.update(zip(here, bucket.read(here), strict=True))
        items = (found[address] for address in addresses)
        return [item if item and item.lives(moment) else None for item in items]

    def write(self, puts: Mapping[Address, Parcel | None], now: float) -> None:
        """Put parcels, delete where there is None. Raises InputError for a namespace that is
        empty or has an empty label, ConflictError if others write all the time."""
        moment = _moment(now)
        for address in puts:
            checked_address(address)
        for bucket, here in self._by_bucket(puts):
            bucket.write({address: puts[address] for address in here}, moment)

    def touch(self, items: Iterable[Item], now: float) -> None:
        """Let items that expire live their full time again."""
        moment, unique = _moment(now), {item.address: item for item in items}
        for bucket, here in self._by_bucket(unique):
            bucket.touch([unique[address] for address in here], moment)

    def search(self, query: Query, now: float) -> list[Hit]:
        """Items below a namespace that fit a filter: those that a query is about come first,
        best first; all others follow, the newest first. Raises InputError for a filter, a limit
        or an offset that cannot be used."""
        if query.limit < 0 or query.offset < 0:
            raise InputError(
                f"limit={query.limit} and offset={query.offset} count nothing; give 0 or more"
            )
        wanted = checked_filter(query.filter or {})
        ordered = self._ordered(query, _moment(now))
        if not wanted:
            return list(self._read(ordered[query.offset : query.offset + query.limit], now))
        fitting = (hit for hit in self._read(ordered, now) if fits(hit.item.value, wanted))
        return list(islice(fitting, query.offset, query.offset + query.limit))

    def namespaces(self, prefix: Namespace, now: float) -> set[Namespace]:
        """The namespaces at and below a prefix that hold an item."""
        return {place.name.address.namespace for place in self._living(prefix, _moment(now))}

    def sweep(self, now: float) -> int:
        """Remove what has expired; the number of items removed."""
        moment, removed = _moment(now), 0
        for bucket in self._buckets:
            ended = [p.name.address for p in self._catalogue.expired(bucket.scope, moment)]
            for start in range(0, len(ended), SWEPT):
                removed += bucket.remove_expired(ended[start : start + SWEPT], moment)
        return removed

    def _living(self, prefix: Namespace, now: int) -> list[Place]:
        buckets = [self._buckets[bucket_of(prefix[0])]] if prefix else self._buckets
        return [p for each in buckets for p in self._catalogue.living(each.scope, prefix, now)]

    def _ordered(self, query: Query, now: int) -> list[tuple[Place, float | None]]:
        places = self._living(query.prefix, now)
        places.sort(key=lambda place: (-place.name.updated, place.name.address))
        if not query.query:
            return [(place, None) for place in places]
        ranked: list[tuple[Place, float | None]] = []
        ranked += self._catalogue.ranked(places, query.query)
        about = {place for place, _ in ranked}
        return ranked + [(place, None) for place in places if place not in about]

    def _read(self, ordered: Sequence[tuple[Place, float | None]], now: float) -> Iterator[Hit]:
        """The items at these places, read as they are asked for; those gone are left out."""
        for start in range(0, len(ordered), BATCH):
            part = ordered[start : start + BATCH]
            items = self.get([place.name.address for place, _ in part], now)
            for item, (_, score) in zip(items, part, strict=True):
                if item:
                    yield Hit(item, score)

    def _by_bucket(self, addresses: Iterable[Address]) -> Iterator[tuple[Bucket, list[Address]]]:
        groups: defaultdict[int, list[Address]] = defaultdict(list)
        for address in addresses:
            groups[bucket_of(address.namespace[0] if address.namespace else "")].append(address)
        for number, group in sorted(groups.items()):
            yield self._buckets[number], group


def _moment(now: float) -> int:
    """Microseconds since the epoch. Raises InputError for what is no time."""
    if not 0 <= now < FAR:
        raise InputError(f"now={now} is no time; give seconds since the epoch")
    return round(now * SECOND)


log = logging.getLogger("optimem")


class Sweeper:
    """Calls `sweep`, which returns a number of items, every so often until it is stopped. A
    sweep that fails is logged, and the next one is tried."""

    def __init__(self, sweep: Callable[[], int]) -> None:
        self._sweep = sweep
        self._lock = threading.Lock()
        self._stopped, self._done = threading.Event(), Future[None]()
        self._thread: threading.Thread | None = None

    def start(self, interval: float) -> "Future[None]":
        """Sweep every `interval` seconds, the first time after one; starting twice changes
        nothing. The future ends when the sweeper does; cancelling it stops the sweeper. Raises
        InputError for an interval that is not positive."""
        if not interval > 0:
            raise InputError(f"cannot sweep every {interval} s; give a positive number")
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                stopped, done = threading.Event(), Future[None]()
                done.add_done_callback(lambda _: stopped.set())
                self._stopped, self._done = stopped, done
                self._thread = threading.Thread(
                    target=self._run, args=(stopped, interval, done),
                    name="optimem-sweeper", daemon=True,
                )  # fmt: skip
                self._thread.start()
            return self._done

    def stop(self, timeout: float | None = None) -> bool:
        """Stop it; whether it has ended within `timeout` seconds, None for as long as it takes."""
        with self._lock:
            self._stopped.set()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _run(self, stopped: threading.Event, interval: float, done: "Future[None]") -> None:
        while not stopped.wait(interval):
            try:
                removed = self._sweep()
            except OptimemError as error:
                log.error("expired items could not be removed, trying again later: %s", error)
            else:
                log.debug("%d expired items removed", removed)
        if done.set_running_or_notify_cancel():
            done.set_result(None)
