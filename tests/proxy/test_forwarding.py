"""Mode "off": a request through the proxy and one without it are the same to the byte, and so are
their answers, good or bad."""

import gzip
import http.client
import json
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.proxy.upstream import HOP, Handler, Received, Upstream

ODD = b'{"model":"gpt-5.1", "n":1.0e0,"big":123456789012345678901234567890,"messages" :[' + (
    b'{"role":"user","content":"h\\u00e9 \\ud800 \xc3\xa9","made-up":[{"x":null}]}],"a":1,"a":2}'
)
"""JSON that no parser writes back as it was."""


def call(
    base: str, path: str, body: bytes = b"", method: str = "POST", **headers: str
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers but for those of the connection, and body."""
    where = urlsplit(base)
    connection = http.client.HTTPConnection(where.netloc, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, where.path + path, body or None, named)
    response = connection.getresponse()
    data = response.read()
    kept = sorted((k.lower(), v) for k, v in response.getheaders() if k.lower() not in HOP)
    connection.close()
    return response.status, kept, data


def both(upstream: Upstream, off: str, path: str, *args: Any, **options: Any) -> list[Any]:
    """A direct call and one through the proxy: what came in, and what came back."""
    found = []
    for base in (upstream.url, f"{off}/openai"):
        back = call(base, path, *args, **options)
        received = upstream.last
        found.append((received.line, received.sent, received.body, back))
    return found


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/chat/completions?x=%2F&y=a+b", ODD),
        ("POST", "/v1/messages?beta=true", b"not json \xff"),
        ("POST", "/v1/embeddings", b""),
        ("PUT", "/v1/fi%6Ces/a%2Fb//c;d", bytes(range(256)) * 5000),
        ("GET", "/v1/models", b""),
        ("DELETE", "/v1/responses/resp_1", b""),
        ("HEAD", "/", b""),
    ],
)
def test_requests_and_answers_pass_to_the_byte(
    upstream: Upstream, off: str, method: str, path: str, body: bytes
) -> None:
    direct, through = both(
        upstream, off, path, body, method, Authorization="Bearer sk-1", X_Api_Key="k",
        anthropic_beta="b1,b2", Accept_Encoding="br;q=1.0, gzip", User_Agent="odd/1 (x)",
    )  # fmt: skip
    assert direct == through


def test_our_own_headers_and_those_of_the_connection_do_not_go_on(
    upstream: Upstream, off: str
) -> None:
    call(
        f"{off}/openai", "/v1/models", method="GET", X_Optimem_Mode="off", X_Optimem_Key="mine",
        Connection="close, x-hop", X_Hop="1", TE="trailers", Upgrade="h2c",
    )  # fmt: skip
    names = {name for name, _ in upstream.last.sent}
    assert names == {"accept-encoding"}
    assert dict(upstream.last.headers)["host"] == urlsplit(upstream.url).netloc


def test_a_body_without_a_length_passes_as_it_comes(upstream: Upstream, off: str) -> None:
    where = urlsplit(off)
    connection = http.client.HTTPConnection(where.netloc, timeout=10)
    parts = [b"one", b"two" * 1000, b"three"]
    connection.request("POST", "/openai/v1/files", iter(parts), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})  # fmt: skip
    assert connection.getresponse().read()
    assert upstream.last.body == b"".join(parts)


@pytest.mark.parametrize("status", [204, 301, 400, 401, 404, 429, 500, 503, 529])
def test_every_status_passes(upstream: Upstream, off: str, status: int) -> None:
    def respond(handler: Handler, _: Received) -> None:
        body = b"" if status == 204 else b'{"error": {"message": "overloaded"}}'
        handler.reply(status, body, retry_after="7", x_ratelimit_remaining="0", location="/x")

    upstream.respond = respond
    direct, through = both(upstream, off, "/v1/chat/completions", b"{}")
    assert direct == through
    assert through[3][0] == status


def test_an_answer_stays_compressed(upstream: Upstream, off: str) -> None:
    packed = gzip.compress(b"answer" * 100)
    upstream.respond = lambda h, _: h.reply(200, packed, content_encoding="gzip")
    direct, through = both(upstream, off, "/v1/messages", b"{}")
    assert direct == through
    assert through[3][2] == packed


def test_events_arrive_one_by_one(upstream: Upstream, off: str) -> None:
    """Each is sent only after the one before has reached the client."""
    turn = threading.Semaphore(0)

    def respond(handler: Handler, _: Received) -> None:
        handler.start_stream()
        for number in range(3):
            handler.chunk(b"event: e\ndata: {%d}\n\n" % number)
            assert turn.acquire(timeout=5)
        handler.chunk(b"")

    upstream.respond = respond
    connection = http.client.HTTPConnection(urlsplit(off).netloc, timeout=5)
    connection.request("POST", "/openai/v1/responses", b'{"stream":true}')
    response = connection.getresponse()
    assert response.getheader("content-type") == "text/event-stream; charset=utf-8"
    for number in range(3):
        assert response.read1(1000) == b"event: e\ndata: {%d}\n\n" % number
        turn.release()
    assert response.read() == b""


def test_a_stream_that_breaks_off_breaks_off(upstream: Upstream, off: str) -> None:
    def respond(handler: Handler, _: Received) -> None:
        handler.start_stream()
        handler.chunk(b"data: one\n\n")
        time.sleep(0.05)
        handler.reset()

    upstream.respond = respond
    for base in (upstream.url, f"{off}/openai"):
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            call(base, "/v1/chat/completions", b"{}")


def test_a_provider_that_cannot_be_reached_is_named(upstream: Upstream, off: str) -> None:
    upstream.respond = lambda handler, _: handler.reset()
    status, headers, body = call(f"{off}/anthropic", "/v1/messages", b"{}", X_Api_Key="sk-secret")
    assert status == 502
    assert dict(headers)["x-optimem-error"] == "upstream_unreachable"
    error = json.loads(body)
    assert (error["type"], error["error"]["type"]) == ("error", "upstream_unreachable")
    assert "sk-secret" not in body.decode()


@pytest.mark.parametrize("started", [False, True])
def test_a_client_that_goes_takes_its_request_along(
    upstream: Upstream, off: str, started: bool
) -> None:
    """Whether the answer has started or not: nothing goes on burning tokens."""
    arrived = threading.Event()

    def respond(handler: Handler, _: Received) -> None:
        if started:
            handler.start_stream()
            handler.chunk(b"data: one\n\n")
        arrived.set()
        handler.wait_for_close()

    upstream.respond = respond
    connection = http.client.HTTPConnection(urlsplit(off).netloc, timeout=5)
    connection.request("POST", "/openai/v1/chat/completions", b"{}")
    assert arrived.wait(5)
    if started:
        assert connection.getresponse().read1(100)
    connection.sock.close()
    connection.close()
    assert upstream.gone.wait(5)


def test_unknown_names_and_modes_are_refused_by_name(upstream: Upstream, off: str) -> None:
    status, _, body = call(f"{off}/mistral", "/v1/chat/completions", b"{}")
    assert status == 404
    assert b"/mistral is no provider here; use /openai, /anthropic" in body
    status, _, body = call(f"{off}/openai", "/v1/models", b"{}", X_Optimem_Mode="fast")
    assert status == 400
    assert b"mode 'fast' is unknown" in body
    assert not upstream.requests
