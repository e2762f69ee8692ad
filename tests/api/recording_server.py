"""A server that records the requests of OpenAI's and Anthropic's SDKs and answers them, streamed
or not, and a conversation to send to it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STORY = (
    "The keeper of the lighthouse wrote down every ship that passed, its name and the hour, and "
    "at the end of each month he read the list aloud to the gulls, who never once complained. "
)
ANSWER = '{"hour": "noon"}'
"""Text, and JSON for requests that ask for a model of Pydantic's."""

USAGE = {"input_tokens": 1, "output_tokens": 1}
CHAT = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": ANSWER}}],
}  # fmt: skip
CHUNK = {
    "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o",
    "choices": [{"index": 0, "delta": {"content": ANSWER}, "finish_reason": "stop"}],
}  # fmt: skip
MESSAGE = {
    "id": "m", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": ANSWER}], "stop_reason": "end_turn", "usage": USAGE,
}  # fmt: skip
MESSAGE_EVENTS = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ANSWER}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": USAGE},
    {"type": "message_stop"},
]
RESPONSE = {
    "id": "r", "object": "response", "created_at": 1, "model": "gpt-4o", "status": "completed",
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    "output": [{"id": "o", "type": "message", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": ANSWER, "annotations": []}]}],
}  # fmt: skip
ITEM: dict[str, Any] = RESPONSE["output"][0]  # type: ignore[index]
AT = {"output_index": 0, "content_index": 0, "item_id": "o"}
RESPONSE_EVENTS = [
    {"type": "response.created", "sequence_number": 0, "response": {**RESPONSE, "output": []}},
    {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0,
     "item": {**ITEM, "status": "in_progress", "content": []}},
    {"type": "response.content_part.added", "sequence_number": 2, **AT,
     "part": {"type": "output_text", "text": "", "annotations": []}},
    {"type": "response.output_text.delta", "sequence_number": 3, **AT, "delta": ANSWER,
     "logprobs": []},
    {"type": "response.output_item.done", "sequence_number": 4, "output_index": 0, "item": ITEM},
    {"type": "response.completed", "sequence_number": 5, "response": RESPONSE},
]  # fmt: skip
ANSWERS: dict[str, tuple[Any, list[Any]]] = {
    "completions": (CHAT, [CHUNK]),
    "messages": (MESSAGE, MESSAGE_EVENTS),
    "responses": (RESPONSE, RESPONSE_EVENTS),
}


class Recorder(BaseHTTPRequestHandler):
    """Keeps the body of each request, and answers as the API would."""

    requests: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.requests.append(body)
        whole, events = ANSWERS[self.path.partition("?")[0].rpartition("/")[2]]
        kind, answer = "application/json", json.dumps(whole)
        if body.get("stream"):
            kind, answer = "text/event-stream", "".join(map(_event, events))
            answer += "data: [DONE]\n\n" * (whole is CHAT)
        self.send_response(200)
        self.send_header("content-type", kind)
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def _event(event: dict[str, Any]) -> str:
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n"


@contextmanager
def recording() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Its address, and the requests that it got."""
    handler = type("Handler", (Recorder,), {"requests": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", handler.requests
        running.shutdown()


def history(count: int = 20, system: bool = True) -> list[dict[str, Any]]:
    roles = ("user", "assistant")
    said = [{"role": roles[n % 2], "content": f"{n}: {STORY * 3}"} for n in range(count)]
    return [{"role": "system", "content": "be brief"}, *said] if system else said


def images(messages: list[dict[str, Any]]) -> list[str]:
    blocks = [b for m in messages if isinstance(m["content"], list) for b in m["content"]]
    return [block["type"] for block in blocks if "image" in block["type"]]
