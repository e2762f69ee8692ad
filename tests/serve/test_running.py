"""The process: what it makes of broken and slow requests, what it logs, and how it stops."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from optimem import OpticalMemory
from tests.serve.client import WORK
from tests.serve.service import PATIENCE, Service, service

SECRET = "the heron flies at dawn"
BROKEN = (
    b"GARBAGE\r\n\r\n",
    b"GET /v1/turns HTTP/9.9\r\nHost: a\r\n\r\n",
    b"POST /v1/turns HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Service]:
    (folder / "keys").write_text(f"work {WORK}\n")
    with service(folder, "--access-keys", str(folder / "keys")) as started:
        yield started


@pytest.fixture
def http(running: Service) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {WORK}"}
    with httpx.Client(base_url=running.url, headers=headers, timeout=PATIENCE) as client:
        yield client


def raw(running: Service, sent: bytes) -> bytes:
    """What comes back until the connection is closed."""
    address = urlsplit(running.url)
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port), PATIENCE) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_is_no_request_is_refused_and_the_next_is_served(
    running: Service, http: httpx.Client
) -> None:
    for sent in BROKEN:
        assert raw(running, sent)[:10] in (b"", b"HTTP/1.1 4")
    assert http.get("/health").status_code == 200


def test_a_request_that_is_cut_off_changes_nothing(running: Service, http: httpx.Client) -> None:
    body = b'{"session": "cut", "turns": [{"text": "half'
    head = f"POST /v1/turns HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {WORK}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
    raw(running, head.encode() + body)
    assert http.get("/v1/turns", params={"session": "cut"}).json()["turns"] == []


def test_no_log_line_holds_what_is_remembered_or_a_key(
    running: Service, http: httpx.Client
) -> None:
    scope = {"session": "heron-session", "user": "heron-user"}
    http.post("/v1/turns", json=scope | {"turns": [{"text": SECRET, "id": "heron-id"}]})
    http.post("/v1/turns", json=scope | {"turns": [{"text": "changed", "id": "heron-id"}]})
    http.post("/v1/recall", json=scope | {"query": "heron"})
    http.get("/v1/turns", params=scope)
    http.get("/heron")
    head = {"Accept": "application/json, text/event-stream"}
    for method in ("heron", "tools/call"):
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": ["heron"]}}
        http.post("/mcp", json=call, headers=head)
    http.get("/v1/turns", params=scope, headers={"Authorization": "Bearer heron-key"})
    log = "".join(running.log)
    assert '"route": "/v1/recall", "status": 200' in log
    assert '"error": "ChangedTurnError"' in log
    assert "heron" not in log
    assert WORK not in log


async def test_what_was_acknowledged_before_sigterm_is_kept(running: Service, folder: Path) -> None:
    acknowledged: list[str] = []

    async def write(client: httpx.AsyncClient, writer: int) -> None:
        number = 0
        while True:
            id = f"{writer}-{number}"
            sent = {"session": "load", "turns": [{"text": f"turn {id}", "id": id}]}
            try:
                answer = await client.post("/v1/turns", json=sent)
            except httpx.TransportError:
                return
            assert answer.status_code == 200
            acknowledged.append(id)
            number += 1

    headers = {"Authorization": f"Bearer {WORK}"}
    async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=PATIENCE) as client:
        writers = [asyncio.create_task(write(client, writer)) for writer in range(8)]
        while len(acknowledged) < 20:
            await asyncio.sleep(0.01)
        running.ask_to_stop()
        await asyncio.gather(*writers)
    assert await asyncio.to_thread(running.wait) == 0
    assert "optimem has stopped" in running.log[-1]
    with OpticalMemory.open(folder / "memory.db") as memory:
        assert all(memory.holds("work//load", acknowledged))


def test_a_service_that_is_stopped_as_it_starts_ends_as_any_other(tmp_path: Path) -> None:
    with service(tmp_path) as started:
        started.ask_to_stop()
        assert started.wait() == 0
