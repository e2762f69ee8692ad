"""Several services over one Redis server, and a server that goes away."""

from pathlib import Path

from optimem import OpticalMemory
from optimem.serve.backend import Backend
from optimem.serve.http import HttpDoor
from optimem.testing import plain_codec
from tests.serve.client import client
from tests.servers import REDIS_SERVER, RedisServer, need_redis

TURNS = {"session": "s", "turns": [{"text": "Staging listens on port 8443.", "id": "m1"}]}


async def test_what_one_service_acknowledged_another_reads_and_a_dead_server_is_named(
    tmp_path: Path,
) -> None:
    need_redis(REDIS_SERVER)
    server = RedisServer(tmp_path, "--appendonly", "no")
    one, other = (OpticalMemory.open(server.url, codec=plain_codec()) for _ in range(2))
    async with (
        client(one, [HttpDoor(Backend(one))]) as first,
        client(other, [HttpDoor(Backend(other))]) as second,
    ):
        assert (await first.post("/v1/turns", json=TURNS)).json()["added"] == 1
        found = (await second.get("/v1/turns", params={"session": "s"})).json()
        assert [turn["id"] for turn in found["turns"]] == ["m1"]
        server.kill()
        for answer in (await second.post("/v1/turns", json=TURNS), await second.get("/ready")):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json()["title"] == "StoreUnavailableError"
            assert "redis" not in answer.text
        assert (await second.get("/health")).status_code == 200
