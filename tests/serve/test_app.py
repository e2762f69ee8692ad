"""The application around its doors: health, readiness, metrics, and doors given to it."""

from collections.abc import Sequence

from optimem.errors import StoreUnavailableError
from optimem.protocols import Entry
from optimem.testing import InMemoryStore, open_memory
from optimem.turns import Scope
from tests.serve.client import KEYS, METRICS, WORK, client
from tests.serve.doors import WhoDoor


class GoneStore(InMemoryStore):
    """A store whose server has gone."""

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        raise StoreUnavailableError("cannot use redis://secret-host:6379")


async def test_health_and_readiness_need_no_key() -> None:
    async with client(keys=KEYS) as http:
        assert (await http.get("/health")).json()["status"] == "up"
        assert (await http.get("/ready")).json()["status"] == "ready"


async def test_a_service_whose_store_is_gone_is_up_but_not_ready() -> None:
    async with client(open_memory(GoneStore())) as http:
        assert (await http.get("/health")).status_code == 200
        answer = await http.get("/ready")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "StoreUnavailableError"
    assert "secret-host" not in answer.text


async def test_a_door_is_open_while_its_routes_are_served_and_knows_the_caller() -> None:
    door = WhoDoor()
    async with client(doors=[door], key=WORK, keys=KEYS) as http:
        assert (await http.get("/who")).text == "work True"
    assert not door.is_open


async def test_metrics_are_for_their_own_key() -> None:
    async with client(keys=KEYS, key=WORK) as http:
        assert (await http.get("/metrics")).status_code == 403
        http.headers["Authorization"] = f"Bearer {METRICS}"
        assert (await http.get("/who")).status_code == 403
        shown = (await http.get("/metrics")).text
    assert 'method="GET",route="none",status="403"' in shown


async def test_what_there_is_not_is_a_problem_too() -> None:
    async with client() as http:
        missing, wrong = await http.get("/nothing"), await http.post("/health")
    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert missing.json()["title"] == "NotFound"
    assert set(wrong.headers["allow"].split(", ")) == {"GET", "HEAD"}
