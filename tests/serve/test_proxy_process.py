"""`optimem serve --proxy` as a process: what it logs, and how it stops while a provider answers."""

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.proxy.conftest import upstream as upstream
from tests.proxy.talks import body_of, exchanges
from tests.proxy.test_forwarding import call
from tests.proxy.upstream import Handler, Received, Upstream
from tests.serve.client import WORK
from tests.serve.service import Service, service

PATH = "/proxy/fake/v1/chat/completions"
WORD = "heron"
"""In everything that is sent."""


@pytest.fixture
def running(tmp_path: Path, upstream: Upstream) -> Iterator[Service]:
    (tmp_path / "keys").write_text(f"work {WORK}\n")
    options = [
        "--access-keys",
        str(tmp_path / "keys"),
        "--proxy",
        "recall",
        "--proxy-deadline",
        "60",
    ]
    with service(tmp_path, *options, "--upstream", f"fake={upstream.url}") as started:
        yield started


def test_no_log_line_of_the_proxy_holds_what_is_sent_or_a_key(
    running: Service, upstream: Upstream
) -> None:
    talk = body_of("openai", exchanges(3, f"Where is the {WORD}?"), user=WORD)
    body = json.dumps(talk).encode()
    headers = {
        "X_Optimem_Key": WORK, "Authorization": f"Bearer sk-{WORD}",
        "X_Optimem_Conversation": WORD, "X_Mine": WORD,
    }  # fmt: skip
    statuses = [call(running.url, f"{PATH}?q={WORD}", body, **headers)[0]]
    for broken in (b'["heron', WORD.encode() * 9, b"\xff"):
        statuses.append(call(running.url, PATH, broken, **headers)[0])
    statuses.append(call(running.url, f"/proxy/{WORD}/v1/models", b"{}", **headers)[0])
    statuses.append(call(running.url, PATH, body, X_Optimem_Mode=WORD, **headers)[0])
    statuses.append(call(running.url, PATH, body, **headers | {"X_Optimem_Key": WORD})[0])
    upstream.respond = lambda handler, _: handler.reply(500, f"{WORD} {talk}".encode())
    statuses.append(call(running.url, PATH, body, **headers)[0])
    upstream.respond = lambda handler, _: handler.reset()
    statuses.append(call(running.url, PATH, body, **headers)[0])
    assert statuses == [200, 200, 200, 200, 404, 400, 401, 500, 502]
    running.ask_to_stop()
    assert running.wait() == 0
    running.read_to_end()
    log = "".join(running.log)
    assert log.count('"route": "/proxy"') == 8, log
    assert not any(secret in log for secret in (WORD, WORK, "keeper", "7261", "fake", "sk-"))


def test_an_answer_that_is_on_its_way_is_finished_before_it_stops(
    running: Service, upstream: Upstream
) -> None:
    go_on = threading.Event()

    def respond(handler: Handler, _: Received) -> None:
        handler.start_stream()
        handler.chunk(b"data: one\n\n")
        assert go_on.wait(20)
        handler.chunk(b"data: two\n\n")
        handler.chunk(b"")

    upstream.respond = respond
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=20)
    connection.request("POST", PATH, b"{}", {"x-optimem-key": WORK})
    response = connection.getresponse()
    assert response.read1(100) == b"data: one\n\n"
    running.ask_to_stop()
    threading.Timer(0.5, go_on.set).start()
    assert response.read() == b"data: two\n\n"
    connection.close()
    assert running.wait() == 0
