"""A memory for the adapters' tests: its reader loses nothing, so that losses are ours."""

from collections.abc import Iterator

import pytest
from plain import plain_reader

from optimem.memory import OpticalMemory

NOW = 1_700_000_000.0


@pytest.fixture
def memory() -> Iterator[OpticalMemory]:
    with OpticalMemory.open(":memory:", reader=plain_reader(), clock=lambda: NOW) as opened:
        yield opened
