"""The command of stores, at its smallest."""

import pytest
import redis

from benchmarks.stores import pace, sizes
from tests.servers import RedisServer


def test_pace_and_sizes_are_printed(
    redis_url: str, redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        pace(redis_url, client)
        sizes(redis_url, client, 5, "optimem-nano")
    shown = capsys.readouterr().out
    assert "of the pace of SET" in shown
    assert shown.count("optimem, ") == 5
