"""What the tests of the memory work on: a scope of a real SQLite store, and a memory on one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from optimem import OpticalMemory
from optimem.memory.records.scope_records import ScopeRecords
from optimem.store.sqlite import SQLiteStore
from optimem.testing import plain_codec
from optimem.turns import Scope
from tests.memory.factories import NOW, SCOPE


@pytest.fixture
def records() -> Iterator[ScopeRecords]:
    store = SQLiteStore(":memory:")
    yield ScopeRecords(store, Scope.parse(SCOPE))
    store.close()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[OpticalMemory]:
    with OpticalMemory.open(tmp_path / "m.db", codec=plain_codec(), clock=lambda: NOW) as opened:
        yield opened
