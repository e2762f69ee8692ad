"""Fixtures that several folders share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.servers import REDIS_SERVER, RedisServer, need_redis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real Redis server for the whole run, without persistence."""
    need_redis(REDIS_SERVER)
    server = RedisServer(tmp_path_factory.mktemp("redis"), "--appendonly", "no")
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of a server that holds nothing."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def other_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped weights with one tensor changed slightly, so that they have another
    fingerprint."""
    from tests.model.nano.other_weights import save_other_weights

    path = tmp_path_factory.mktemp("old") / "optimem-nano.safetensors.zst"
    save_other_weights(path)
    return path
