"""A provider on loopback that keeps every request to the byte and answers as it is told, and a
server that runs the proxy in front of it."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import uvicorn

from tests.api.recording_server import ANSWERS, CHAT, _event

HOP = {"connection", "host", "keep-alive", "transfer-encoding", "date", "server"}


@dataclass
class Received:
    """A request as it came in."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def sent(self) -> list[tuple[str, str]]:
        """The headers but for those of the connection, in lower case."""
        return sorted((k.lower(), v) for k, v in self.headers if k.lower() not in HOP)

    @property
    def json(self) -> dict[str, Any]:
        """The body."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Upstream:
    """What a provider got, and how it answers: `respond` writes to the handler; by default as the
    APIs do. `gone`: set when a client closed its connection early."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    respond: "Callable[[Handler, Received], None] | None" = None
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def last(self) -> Received:
        """The newest request."""
        return self.requests[-1]


class Handler(BaseHTTPRequestHandler):
    """Keeps each request and answers it."""

    protocol_version = "HTTP/1.1"
    upstream: Upstream

    def handle_any(self) -> None:
        """A request of any method."""
        received = Received(self.requestline, self.headers.items(), self._body())
        self.upstream.requests.append(received)
        (self.upstream.respond or answer)(self, received)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.handle_any
        raise AttributeError(name)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunk(self, data: bytes) -> None:
        """One chunk of a streamed answer; an empty one ends it."""
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        except OSError:
            self.upstream.gone.set()
            raise

    def start_stream(self) -> None:
        """The headers of a stream of events."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("x-request-id", "req_1")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def reset(self) -> None:
        """Break the connection off."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def wait_for_close(self) -> None:
        """Returns when the client has closed its connection."""
        self.connection.settimeout(5)
        if not self.connection.recv(1):
            self.upstream.gone.set()
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def answer(handler: Handler, received: Received) -> None:
    """What the APIs answer, streamed if that was asked for."""
    path = handler.path.partition("?")[0]
    if received.body.startswith(b"{") and path.rpartition("/")[2] in ANSWERS:
        whole, events = ANSWERS[path.rpartition("/")[2]]
        if received.json.get("stream"):
            handler.start_stream()
            for event in events:
                handler.chunk(_event(event).encode())
            if whole is CHAT:
                handler.chunk(b"data: [DONE]\n\n")
            handler.chunk(b"")
            return
        handler.reply(200, json.dumps(whole).encode(), content_type="application/json")
        return
    body = b'{"object": "list", "data": [], "path": "%s"}' % handler.path.encode()
    handler.reply(200, body, content_type="application/json")


@contextmanager
def provider() -> Iterator[Upstream]:
    """A provider at `url`."""
    upstream = Upstream()
    handler = type("Bound", (Handler,), {"upstream": upstream})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # cut connections
    upstream.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """An ASGI application at the URL that this gives."""
    config = uvicorn.Config(
        app, port=0, log_level="critical", server_header=False, date_header=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(5)
