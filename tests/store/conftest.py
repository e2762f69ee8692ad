"""Fixtures for the tests of one backend."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of a server that holds nothing."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a SQLite file may be created, in a folder of its own."""
    return tmp_path / "memory with space.db"
