"""A server on the loopback that answers as OpenAI's does: chat completions and embeddings.

It bills 4 bytes of text as a token and an image as 765, and answers what it is told to; a prompt
with numbered passages by citing the first. It lists one model.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "It was /srv/blobs/2026/ledger.db."
CITING = "It is port 6543 [1]."
IMAGE_TOKENS = 765


@contextmanager
def openai_server() -> Iterator[str]:
    """The server's base URL, for as long as the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        model = {"id": "small", "object": "model", "created": 0, "owned_by": "test"}
        self._reply({"object": "list", "data": [model]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._reply(_REPLIES[self.path](body))

    def _reply(self, body: dict[str, Any]) -> None:
        reply = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: Any) -> None:
        """Nothing: requests are no test output."""


def _completion(body: dict[str, Any]) -> dict[str, Any]:
    tokens = sum(_tokens(message["content"]) for message in body["messages"])
    asked = str(body["messages"][-1]["content"])
    answer = CITING if "\nQuestion: " in asked and "\n[1] " in asked else ANSWER
    message = {"role": "assistant", "content": answer}
    return {
        "id": "c1", "object": "chat.completion", "created": 0, "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": tokens, "completion_tokens": 9, "total_tokens": tokens + 9},
    }  # fmt: skip


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    vectors = [[1.0 + text.count(chr(97 + at % 26)) for at in range(1536)] for text in texts]
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage}


def _tokens(content: Any) -> int:
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return sum(
        IMAGE_TOKENS if part["type"] == "image_url" else len(part["text"]) // 4 + 1
        for part in parts
    )


_REPLIES = {"/v1/chat/completions": _completion, "/v1/embeddings": _embeddings}
