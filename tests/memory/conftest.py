"""What the tests of the memory's records work on: a scope of a real SQLite store."""

from collections.abc import Iterator

import pytest

from optimem.memory.scope_records import ScopeRecords
from optimem.store.sqlite import SQLiteStore
from optimem.turns import Scope


@pytest.fixture
def records() -> Iterator[ScopeRecords]:
    store = SQLiteStore(":memory:")
    yield ScopeRecords(store, Scope.parse("acme/ann/s1"))
    store.close()
