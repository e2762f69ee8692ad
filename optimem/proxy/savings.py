"""What the proxy has saved: sums by day, model and mode, kept in the store of the memory.

Every process keeps sums of its own, so that none waits for another. Holds numbers and names of
models; nothing of what was said or who said it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from threading import Lock
from typing import Any, NamedTuple
from uuid import uuid4

from optimem.errors import OptimemError
from optimem.items.collection import Collection, ItemQuery, new_item
from optimem.items.names import Address
from optimem.protocols import Store
from optimem.proxy.pricing import Tally

NAME = "proxy"
"""Of the items."""
SAVINGS = ("savings",)
"""The namespace of the items."""
ALL = 1 << 30
MODEL = 100
"""Characters of a model's name that are kept: a client may send anything."""


class Row(NamedTuple):
    """What a sum is of."""

    day: str
    model: str
    mode: str


@dataclass
class Sum:
    """Of requests: how many, and how many of them were `shortened`, and `priced` in USD; their
    tokens as they came and as they were sent, and of these the cached ones; and USD."""

    requests: int = 0
    shortened: int = 0
    priced: int = 0
    tokens_before: int = 0
    cached_before: int = 0
    tokens_after: int = 0
    cached_after: int = 0
    usd_before: float = 0.0
    usd_after: float = 0.0

    def add(self, other: "Sum") -> None:
        """Add another."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    @classmethod
    def of(cls, tally: Tally) -> "Sum":
        """Of one request."""
        before, after = (tally.prices.usd(cost) for cost in (tally.cost_before, tally.cost_after))
        return cls(
            1, int(tally.shortened), int(before is not None), *tally.before[:2], *tally.after[:2],
            before or 0.0, after or 0.0,
        )  # fmt: skip


class Savings:
    """Adds up what requests save. `clock`: seconds since the epoch. Safe for threads."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._items, self._clock, self._process = Collection(store, NAME), clock, uuid4().hex
        self._sums, self._changed = dict[Row, Sum](), set[Row]()
        self._lock, self._writing = Lock(), Lock()

    def add(self, tally: Tally) -> None:
        """Add a request; `write` stores it."""
        day = datetime.fromtimestamp(self._clock(), UTC).date().isoformat()
        row = Row(day, tally.model[:MODEL], tally.mode)
        with self._lock:
            self._sums.setdefault(row, Sum()).add(Sum.of(tally))
            self._changed.add(row)

    def write(self) -> None:
        """Store the sums that have changed. Raises StoreError; they are stored next time, then."""
        with self._writing:
            with self._lock:
                changed, self._changed = self._changed, set()
                items = {self._address(row): new_item(asdict(self._sums[row])) for row in changed}
            try:
                self._items.write(dict(items), self._clock())
            except OptimemError:
                with self._lock:
                    self._changed |= changed
                raise

    def _address(self, row: Row) -> Address:
        return Address((*SAVINGS, row.day), "\n".join([row.model, row.mode, self._process]))


def read_savings(store: Store, now: float) -> dict[Row, Sum]:
    """The sums of all processes, by day, model and mode, in order. Raises StoreError."""
    sums = dict[Row, Sum]()
    for row, found in _rows(Collection(store, NAME), now):
        sums.setdefault(row, Sum()).add(found)
    return dict(sorted(sums.items()))


def total(sums: Iterable[Sum]) -> Sum:
    """Of several sums."""
    found = Sum()
    for each in sums:
        found.add(each)
    return found


def _rows(items: Collection, now: float) -> Iterator[tuple[Row, Sum]]:
    for hit in items.search(ItemQuery(SAVINGS, limit=ALL), now):
        namespace, key = hit.item.address
        model, mode, _ = key.rsplit("\n", 2)
        yield Row(namespace[-1], model, mode), Sum(**_known(hit.item.value))


def _known(value: dict[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(Sum)}
    return {name: number for name, number in value.items() if name in names}
