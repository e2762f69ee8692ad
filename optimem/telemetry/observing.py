"""The seam: what a memory, its store and its model do is run inside an observer's operations.

The memory's own methods, its store and its model are replaced by wrappers, so that a memory that is
not observed pays nothing. An observer sees names of operations and of error types, times, and
numbers: how many turns, entries, pages, bytes. It sees no argument, no scope and no error message.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, Protocol, TypeVar

from pydantic import BaseModel

from optimem.api.memory import OpticalMemory
from optimem.memory.caching import CachingDecoder
from optimem.protocols import (
    Change,
    Decoder,
    Encoder,
    Entry,
    EntryInfo,
    Page,
    ReadCells,
    Store,
    VisionTokens,
)
from optimem.tiers import Tier
from optimem.turns import Scope

P, R = ParamSpec("P"), TypeVar("R")

OPERATIONS = (
    "append", "append_file", "flush", "recall", "answer", "aanswer", "reconstruct", "ids", "read",
    "holds", "sweep", "pin", "unpin", "forget", "forget_user", "readmit", "purge", "stats", "check",
    "reencode",
)  # fmt: skip
"""Methods of a memory that are observed, as `optimem.append` and so on. The async twins of the
others run them."""


class Observer(Protocol):
    """Whoever watches."""

    def operation(self, name: str) -> AbstractContextManager[dict[str, int]]:
        """Entered before an operation and left after it, with its error if it has one. The
        operation puts its counts in the dictionary."""


def observe(memory: OpticalMemory, observer: Observer) -> OpticalMemory:
    """Let an observer watch a memory from now on: its methods (`optimem.recall`), its store
    (`optimem.store.commit`) and its model (`optimem.model.read`). Returns the memory. Several
    observers may watch one memory."""
    codec = memory.codec
    if isinstance(codec.decoder, CachingDecoder):  # what is cached is not read
        codec.decoder.wrap(lambda decoder: ObservedDecoder(decoder, observer))
        decoder: Decoder = codec.decoder
    else:
        decoder = ObservedDecoder(codec.decoder, observer)
    encoder = ObservedEncoder(codec.encoder, observer)
    memory.codec = codec._replace(encoder=encoder, decoder=decoder)
    memory.store = ObservedStore(memory.store, observer)
    for name in OPERATIONS:
        setattr(memory, name, _observed(f"optimem.{name}", getattr(memory, name), observer))
    return memory


def _observed(name: str, method: Callable[..., Any], observer: Observer) -> Callable[..., Any]:
    @wraps(method)
    def run(*args: Any, **options: Any) -> Any:
        with observer.operation(name) as counts:
            result = method(*args, **options)
            counts.update(_counts(result))
        return result

    @wraps(method)
    async def arun(*args: Any, **options: Any) -> Any:
        with observer.operation(name) as counts:
            result = await method(*args, **options)
            counts.update(_counts(result))
        return result

    return arun if iscoroutinefunction(method) else run


def _counts(result: object) -> dict[str, int]:
    """The numbers in a result: of a report its own, of a list its length."""
    if isinstance(result, BaseModel):
        return {
            name: len(value) if isinstance(value, list) else int(value)
            for name, value in result
            if isinstance(value, list | int)
        }
    if isinstance(result, list):
        return {"results": len(result)}
    return {"results": result} if isinstance(result, int) else {}


class ObservedStore:
    """A `Store` over another, observed."""

    def __init__(self, store: Store, observer: Observer) -> None:
        self._store, self._observer = store, observer

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        """See `Store`."""
        with self._observer.operation("optimem.store.get") as counts:
            found = self._store.get(scope, keys)
            counts["entries"] = len(keys)
            counts["bytes"] = sum(len(entry.value) for entry in found if entry)
        return found

    def entries(self, scope: Scope, prefix: str = "") -> list[EntryInfo]:
        """See `Store`."""
        with self._observer.operation("optimem.store.entries") as counts:
            found = self._store.entries(scope, prefix)
            counts["entries"] = len(found)
        return found

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        """See `Store`."""
        with self._observer.operation("optimem.store.commit") as counts:
            counts["entries"] = len(changes)
            counts["bytes"] = sum(len(change.value) for change in changes if change.value)
            self._store.commit(scope, changes)

    def scopes(self) -> Iterator[Scope]:
        """See `Store`."""
        return self._store.scopes()

    def claim_due(self, now: float, limit: int, lease: float) -> list[tuple[Scope, str]]:
        """See `Store`."""
        with self._observer.operation("optimem.store.claim_due") as counts:
            due = self._store.claim_due(now, limit, lease)
            counts["entries"] = len(due)
        return due

    def time(self) -> float:
        """See `Store`."""
        return self._store.time()

    def peek_due(self, now: float, limit: int) -> list[tuple[Scope, str]]:
        """See `Store`."""
        return self._store.peek_due(now, limit)

    def clear(self, scope: Scope) -> int:
        """See `Store`."""
        with self._observer.operation("optimem.store.clear") as counts:
            counts["entries"] = self._store.clear(scope)
        return counts["entries"]

    def usage(self, scope: Scope) -> int:
        """See `Store`."""
        return self._store.usage(scope)

    def wipe(self) -> list[str]:
        """See `Store`."""
        return self._store.wipe()

    def remains(self, scope: Scope, starts: Sequence[str]) -> list[str]:
        """See `Store`."""
        return self._store.remains(scope, starts)

    def describe(self) -> dict[str, str]:
        """See `Store`."""
        return self._store.describe()

    def purge(self) -> list[str]:
        """See `Store`."""
        return self._store.purge()

    def close(self) -> None:
        """See `Store`."""
        self._store.close()


class ObservedEncoder:
    """An `Encoder` over another, observed."""

    def __init__(self, encoder: Encoder, observer: Observer) -> None:
        self._encoder, self._observer = encoder, observer

    @property
    def fingerprint(self) -> str:
        """See `Encoder`."""
        return self._encoder.fingerprint

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        """See `Encoder`."""
        with self._observer.operation("optimem.model.encode") as counts:
            tokens = self._encoder.encode(pages, tier)
            counts["pages"] = len(tokens)
            counts["bytes"] = sum(len(page.data) for page in tokens)
        return tokens


class ObservedDecoder:
    """A `Decoder` over another, observed."""

    def __init__(self, decoder: Decoder, observer: Observer) -> None:
        self._decoder, self._observer = decoder, observer

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        """See `Decoder`."""
        with self._observer.operation("optimem.model.read") as counts:
            counts["pages"] = len(tokens)
            return self._decoder.read(tokens)
