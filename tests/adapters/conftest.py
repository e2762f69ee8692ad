"""A memory on each store, whose reader loses nothing, so that any loss is the adapter's."""

from collections.abc import Iterator

import pytest

from optimem import OpticalMemory
from optimem.testing import plain_codec

NOW = 1_700_000_000.0


@pytest.fixture(params=["sqlite", "redis"])
def memory(request: pytest.FixtureRequest) -> Iterator[OpticalMemory]:
    place = ":memory:" if request.param == "sqlite" else request.getfixturevalue("redis_url")
    with OpticalMemory.open(place, codec=plain_codec(), clock=lambda: NOW) as opened:
        yield opened
