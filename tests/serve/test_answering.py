"""A service whose answers come from a model on a server."""

import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client

from optimem import ChatServer, OpticalMemory
from optimem.serve.backend import Backend
from optimem.serve.http import HttpDoor
from optimem.serve.mcp_server import mcp_server
from optimem.testing import open_memory
from optimem.turns import Scope
from tests.docs.openai_server import openai_server
from tests.serve.client import client
from tests.serve.service import service

HOME = Scope(session="monday")
PORT = "Staging listens on port 6543."
ASKED = {"session": "monday", "question": "Which port does staging use?"}
SAID = "It is port 6543 [1]."


@pytest.fixture
def memory() -> OpticalMemory:
    found = open_memory()
    found.append(HOME, {"text": PORT, "id": "m1"})
    return found


async def post(backend: Backend, **more: object) -> httpx.Response:
    async with client(backend.memory, [HttpDoor(backend)]) as http:
        return await http.post("/v1/answer", json=ASKED | more)


async def tell(backend: Backend) -> Any:
    async with Client(mcp_server(backend, lambda _: HOME)) as agent:
        return await agent.call_tool("answer", {"question": ASKED["question"]})


async def test_it_answers_over_http_and_mcp(memory: OpticalMemory) -> None:
    with openai_server() as url:
        backend = Backend(memory, ChatServer(url))
        answer = (await post(backend, budget=600)).json()
        assert (answer["text"], answer["source"]) == (SAID, "llm")
        assert [each["id"] for each in answer["passages"]] == ["m1"]
        few = await post(backend, budget=9)
        assert few.status_code == 422
        assert "budget=9 tokens are too few" in few.json()["detail"]
        told = await tell(backend)
        assert told.content[0].text.startswith(f"{SAID}\n[m1] ")


@pytest.mark.parametrize("status", [400, 401, 404])
async def test_what_it_refuses_is_no_fault_of_who_asks(
    memory: OpticalMemory, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"error": {"message": body.decode()}}).encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True).start()
    backend = Backend(memory, ChatServer(f"http://127.0.0.1:{server.server_port}/v1", "small"))
    with caplog.at_level(logging.INFO, "optimem"):
        answer, told = await post(backend), await tell(backend)
    server.shutdown()
    server.server_close()
    assert (answer.status_code, answer.json()["title"]) == (503, "ReaderUnavailableError")
    assert (told.is_error, "whoever runs it" in told.content[0].text) == (True, True)
    assert f"status {status}" in caplog.text
    for shown in (caplog.text, answer.text, told.content[0].text):
        assert "6543" not in shown
        assert str(server.server_port) not in shown


async def test_one_that_stalls_is_given_up(memory: OpticalMemory) -> None:
    backend = Backend(memory, lambda _: time.sleep(0.5), patience=0.05)
    answer = await post(backend)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_the_options_are_those_of_ask(tmp_path: Path) -> None:
    with openai_server() as url, service(tmp_path, "--server", url, "--llm", "small") as running:
        turn = {"session": "monday", "turns": [{"text": PORT, "id": "m1"}]}
        httpx.post(f"{running.url}/v1/turns", json=turn, timeout=60).raise_for_status()
        answer = httpx.post(f"{running.url}/v1/answer", json=ASKED, timeout=60).json()
    assert (answer["text"], answer["source"]) == (SAID, "llm")
