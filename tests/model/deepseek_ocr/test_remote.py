"""The remote reader against a real local HTTP server that speaks the protocol."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from PIL import Image

from optimem.errors import InputError, ReaderUnavailableError
from optimem.model.deepseek_ocr.generation import FinishReason, GenerationSettings
from optimem.model.deepseek_ocr.remote import RemoteReader

IMAGE = Image.new("RGB", (200, 100), "white")
TITLE = "<|ref|>title<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>"


class Server(ThreadingHTTPServer):
    """Answers with what `behave` says of each request: a status, and a pause in seconds."""

    daemon_threads = True

    def __init__(self, behave: Callable[[int], tuple[int, float]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behave = behave
        self.requests: list[dict[str, Any]] = []
        self.now, self.most = 0, 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append({"path": self.path, **body})
            status, pause = self.server.behave(len(self.server.requests))
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
        time.sleep(pause)
        with self.server.lock:
            self.server.now -= 1
        self._reply(status)

    def _reply(self, status: int) -> None:
        tokens = [{"token": TITLE, "logprob": -0.1, "bytes": None, "top_logprobs": []},
                  {"token": "Hi", "logprob": -2.0, "bytes": None, "top_logprobs": []}]  # fmt: skip
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": TITLE + "Hi"},
            "logprobs": {"content": tokens, "refusal": None},
        }
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m",
                  "choices": [choice]}  # fmt: skip
        data = json.dumps(answer if status == 200 else {"error": {"message": "no"}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[int], tuple[int, float]]], Server]]:
    running: list[Server] = []

    def start(behave: Callable[[int], tuple[int, float]]) -> Server:
        server = Server(behave)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


Serve = Callable[[Callable[[int], tuple[int, float]]], Server]


def test_an_image_goes_out_and_an_answer_comes_back(serve: Serve) -> None:
    server = serve(lambda _: (200, 0))
    (answer,) = RemoteReader(server.url).read([IMAGE], settings=GenerationSettings(limit=77))
    assert answer.grounded.text == "Hi"
    assert answer.grounded.regions[0].boxes[0].right == 200
    assert answer.pieces[1].probability == pytest.approx(0.135, abs=1e-3)
    assert answer.finish is FinishReason.END
    (request,) = server.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["max_tokens"] == 77
    assert request["skip_special_tokens"] is False
    assert request["vllm_xargs"] == {
        "ngram_size": 30, "window_size": 90, "whitelist_token_ids": [128821, 128822],
    }  # fmt: skip
    image, text = request["messages"][0]["content"]
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    assert text["text"] == "<|grounding|>Convert the document to markdown."


def test_a_server_that_fails_for_a_while_is_asked_again(serve: Serve) -> None:
    server = serve(lambda count: (503 if count < 3 else 200, 0))
    assert RemoteReader(server.url).read([IMAGE])[0].complete
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_keeps_failing_is_named(serve: Serve, status: int) -> None:
    server = serve(lambda _: (status, 0))
    with pytest.raises(ReaderUnavailableError, match="busy or fails"):
        RemoteReader(server.url, retries=1).read([IMAGE])
    assert len(server.requests) == 2


def test_no_more_requests_at_a_time_than_allowed(serve: Serve) -> None:
    server = serve(lambda _: (200, 0.05))
    answers = RemoteReader(server.url, concurrency=2).read([IMAGE] * 6)
    assert len(answers) == 6
    assert server.most == 2


def test_a_server_that_is_too_slow_is_named(serve: Serve) -> None:
    server = serve(lambda _: (200, 0.6))
    with pytest.raises(ReaderUnavailableError, match="does not answer"):
        RemoteReader(server.url, timeout=0.2, retries=0).read([IMAGE])


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ReaderUnavailableError, match="is the server running"):
        RemoteReader("http://127.0.0.1:9/v1", retries=0).read([IMAGE])


def test_a_request_that_is_refused_is_named_and_not_repeated(serve: Serve) -> None:
    server = serve(lambda _: (400, 0))
    with pytest.raises(InputError, match="refuses the request"):
        RemoteReader(server.url).read([IMAGE])
    assert len(server.requests) == 1


def test_settings_that_cannot_be_used_are_named() -> None:
    with pytest.raises(InputError, match="concurrency 0"):
        RemoteReader("http://127.0.0.1:9/v1", concurrency=0)
