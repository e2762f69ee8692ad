"""Several entries of a scope, read beside those who write it: entries are listed and then read, and
what is written in between makes both wrong. So they are read again until nobody wrote meanwhile.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from optimem.memory.records.records import STATE_KEY
from optimem.memory.records.scope_records import ScopeRecords

T = TypeVar("T")

READINGS = 3
"""How often a scope that others keep writing to is read."""


def readings(records: ScopeRecords, read: Callable[[], T]) -> Iterator[tuple[int, T]]:
    """What `read` returns, and the version that the scope's state had before: again until that is
    still the same afterwards, or `READINGS` times. Every append, page and forgetting writes the
    state. The last reading is the best, and what is in all of them was there all the time."""
    for _ in range(READINGS):
        before = _version(records)
        yield before, read()
        if _version(records) == before:
            return


def _version(records: ScopeRecords) -> int:
    (entry,) = records.store.get(records.scope, [STATE_KEY])
    return entry.version if entry else 0
