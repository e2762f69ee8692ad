"""A server on loopback that speaks as vLLM does, refuses what it refuses, and fails as it is told;
it keeps every request. What a real one does is tested beside it, in `test_real_server.py`."""

import base64
import io
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch
from torch import Tensor

WIDTH = 64
CHAT = "/v1/chat/completions"


@dataclass
class FakeServer:
    """What it serves, and what it got. `answer`: of a question, tokens as (id, text, log
    probability). `fail`: called with the number of the question, from 1, and its handler; True if
    it answered in its own way. `ends`: why answers end. `gone`: set when a client went away."""

    name: str
    root: str = "/nowhere"
    positions: int = 500
    width: int = WIDTH
    embeds: bool = True
    bans: bool = True
    version: str = "0.32.0"
    begin: int = 0
    answer: list[tuple[int, str, float]] = field(default_factory=list)
    ends: str | None = "stop"
    fail: "Callable[[int, Handler], bool]" = lambda number, handler: False
    url: str = ""
    probes: list[dict[str, Any]] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    gone: threading.Event = field(default_factory=threading.Event)
    most: int = 0
    now: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def requests(self) -> int:
        """Questions and probes."""
        return len(self.questions) + len(self.probes)


def tensors(question: dict[str, Any]) -> list[Tensor]:
    """The vectors of a question."""
    parts = question["messages"][0]["content"]
    data = [part["data"] for part in parts if part["type"] == "prompt_embeds"]
    return [torch.load(io.BytesIO(base64.b64decode(each)), weights_only=True) for each in data]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    fake: FakeServer

    def do_GET(self) -> None:
        self.fake.keys.add(self.headers.get("Authorization"))
        card = {"id": self.fake.name, "root": self.fake.root, "max_model_len": self.fake.positions}
        known = {"/v1/models": {"data": [card]}, "/version": {"version": self.fake.version}}
        found = known.get(self.path)
        self.reply(200 if found else 404, found or {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refusal = self._refusal(body)
        if not body.get("stream"):  # a probe
            self.fake.probes.append(body)
            self.reply(400 if refusal else 200, _error(refusal) if refusal else {})
            return
        with self.fake.lock:
            self.fake.questions.append(body)
            number = len(self.fake.questions)
            self.fake.now += 1
            self.fake.most = max(self.fake.most, self.fake.now)
        try:
            if not self.fake.fail(number, self):
                self._answer(body, refusal)
        finally:
            with self.fake.lock:
                self.fake.now -= 1

    def reply(self, status: int, body: Any, **headers: str) -> None:
        """A whole response."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def start(self) -> None:
        """The headers of an event stream."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, data: Any) -> None:
        """One event."""
        text = data if isinstance(data, str) else json.dumps(data)
        chunk = f"data: {text}\n\n".encode()
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        except OSError:
            self.fake.gone.set()
            raise

    def token(self, token: int, text: str, likely: float, finish: str | None = None) -> None:
        """The event of a token."""
        told = {"content": [{"token": text, "logprob": likely, "bytes": [], "top_logprobs": []}]}
        choice = {"index": 0, "delta": {"content": text}, "logprobs": told, "token_ids": [token],
                  "finish_reason": finish}  # fmt: skip
        self.event({"model": self.fake.name, "choices": [choice]})

    def reset(self) -> None:
        """Break the connection off."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True

    def begin(self, body: dict[str, Any]) -> None:
        """The first event, with the prompt's ids."""
        parts = body["messages"][0]["content"]
        ids = [self.fake.begin]
        for tokens in tensors(body):
            ids += [9] * len(tokens) + [5]
        ids += [7 for part in parts if part["type"] == "text" for _ in part["text"]]
        choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None,
                  "finish_reason": None}  # fmt: skip
        self.event({"model": self.fake.name, "choices": [choice], "prompt_token_ids": ids})

    def end(self) -> None:
        """The end of a stream."""
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _answer(self, body: dict[str, Any], refusal: str | None) -> None:
        if refusal:
            self.reply(400, _error(refusal))
            return
        self.start()
        self.begin(body)
        told = self.fake.answer[: body.get("max_tokens")]
        cut = len(told) < len(self.fake.answer)
        for at, (token, text, likely) in enumerate(told):
            last = at == len(told) - 1
            finish = ("length" if cut else self.fake.ends) if last else None
            self.token(token, text, likely, finish)
        self.end()

    def _refusal(self, body: dict[str, Any]) -> str | None:
        """Why vLLM refuses a request, in its own words; None if it does not."""
        for tokens in tensors(body):
            if not self.fake.embeds:
                return "You must set `--enable-prompt-embeds` to input `prompt_embeds`"
            if tokens.shape[1] != self.fake.width:
                return (
                    f"`prompt_embeds` hidden_size {tokens.shape[1]} does not match the model's "
                    f"hidden_size {self.fake.width}."
                )
        if self.fake.bans and body.get("vllm_xargs", {}).get("ngram_size", 1) < 1:
            return "`ngram_size` has to be a strictly positive integer, got 0."
        return None

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "BadRequestError", "code": 400}}


@contextmanager
def fake_server(**what: Any) -> Iterator[FakeServer]:
    """A server at `url`."""
    fake = FakeServer(**what)
    handler = type("Bound", (Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # cut connections
    fake.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
