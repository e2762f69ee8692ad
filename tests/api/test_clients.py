"""The SDKs themselves, against a server that records what it is sent."""

import copy
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

from optimem import with_pages
from optimem.errors import InputError
from optimem.prompts import PromptPlan, rule_for

STORY = (
    "The keeper of the lighthouse wrote down every ship that passed, its name and the hour, and "
    "at the end of each month he read the list aloud to the gulls, who never once complained. "
)
CHAT = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": "noon"}}],
}  # fmt: skip
MESSAGE = {
    "id": "m", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "noon"}], "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip
RESPONSE = {
    "id": "r", "object": "response", "created_at": 1, "model": "gpt-4o", "output": [],
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "status": "completed",
}  # fmt: skip
CHUNK = {
    "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o",
    "choices": [{"index": 0, "delta": {"content": "noon"}, "finish_reason": "stop"}],
}  # fmt: skip


class Recorder(BaseHTTPRequestHandler):
    """Keeps the body of each request, and answers as the API would."""

    requests: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.requests.append(body)
        kinds = {"completions": CHAT, "messages": MESSAGE, "responses": RESPONSE}
        answer = json.dumps(kinds[self.path.partition("?")[0].rpartition("/")[2]])
        kind = "application/json"
        if body.get("stream"):
            kind, answer = "text/event-stream", f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", kind)
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
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


def test_openai_sends_old_messages_as_pages(server: tuple[str, list[dict[str, Any]]]) -> None:
    url, requests = server
    plans: list[PromptPlan] = []
    plain = OpenAI(base_url=url, api_key="k")
    client = with_pages(plain, on_plan=plans.append)
    messages = history()
    before = copy.deepcopy(messages)
    answer = client.chat.completions.create(model="gpt-4o", messages=messages, seed=7, user="u")
    assert answer.choices[0].message.content == "noon"
    assert messages == before
    (sent,) = requests
    assert images(sent["messages"])
    assert sent["messages"][0] == messages[0]
    assert sent["messages"][-4:] == messages[-4:]
    assert (sent["seed"], sent["user"]) == (7, "u")
    assert plans[0].ratio > 1
    plain.chat.completions.create(model="gpt-4o", messages=messages)
    assert requests[1]["messages"] == messages


def test_pages_stay_the_same_between_two_steps(server: tuple[str, list[dict[str, Any]]]) -> None:
    url, requests = server
    client = with_pages(OpenAI(base_url=url, api_key="k"), keep=2, step=6)
    for count in range(17, 23):
        client.chat.completions.create(model="gpt-4o", messages=history(count))
    firsts = [json.dumps(sent["messages"][:2]) for sent in requests]
    assert len(set(firsts)) == 2


def test_anthropic_and_the_responses_api(server: tuple[str, list[dict[str, Any]]]) -> None:
    url, requests = server
    anthropic = with_pages(Anthropic(base_url=url, api_key="k"))
    messages = history(system=False)
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    anthropic.messages.create(
        model="claude-haiku-4-5", max_tokens=9, system="be brief", messages=messages, tools=tools
    )
    assert images(requests[0]["messages"])
    assert (requests[0]["system"], requests[0]["tools"]) == ("be brief", tools)
    openai = with_pages(OpenAI(base_url=url, api_key="k"))
    openai.responses.create(model="gpt-4o", input=history(), instructions="be brief")
    assert set(images(requests[1]["input"])) == {"input_image"}
    assert requests[1]["instructions"] == "be brief"


async def test_async_clients(server: tuple[str, list[dict[str, Any]]]) -> None:
    url, requests = server
    openai = with_pages(AsyncOpenAI(base_url=url, api_key="k"))
    await openai.chat.completions.create(model="gpt-4o", messages=history())
    anthropic = with_pages(AsyncAnthropic(base_url=url, api_key="k"))
    await anthropic.messages.create(
        model="claude-haiku-4-5", max_tokens=9, messages=history(system=False)
    )
    assert all(images(sent["messages"]) for sent in requests)


def test_streams_and_copies_send_pages_too(server: tuple[str, list[dict[str, Any]]]) -> None:
    url, requests = server
    client = with_pages(OpenAI(base_url=url, api_key="k"))
    parts = list(client.chat.completions.create(model="gpt-4o", messages=history(), stream=True))
    assert parts[0].choices[0].delta.content == "noon"
    other = client.with_options(max_retries=0)
    other.chat.completions.with_raw_response.create(model="gpt-4o", messages=history())
    assert isinstance(other, OpenAI)
    assert all(images(sent["messages"]) for sent in requests)
    assert len(requests) == 2


@pytest.mark.parametrize(
    "request_",
    [
        {"model": "gpt-4o", "messages": history(5)},
        {"model": "gpt-4o-mini", "messages": history()},
        {"model": "my-deployment", "messages": history()},
        {"model": "gpt-4o", "messages": [{"role": "user", "content": 5}] * 20},
        {"model": "gpt-4o", "messages": [{"role": "king", "content": STORY}] * 20},
        {"model": "gpt-4o", "messages": "not a list"},
        {"model": "gpt-4o", "messages": history(), "extra_body": {"unknown": [1]}},
    ],
    ids=["short", "dear", "unknown model", "odd content", "odd role", "no list", "unknown field"],
)
def test_whatever_else_passes_untouched(
    server: tuple[str, list[dict[str, Any]]], request_: dict[str, Any]
) -> None:
    url, requests = server
    plain = OpenAI(base_url=url, api_key="k")
    plain.chat.completions.create(**request_)
    with_pages(plain).chat.completions.create(**request_)
    if "extra_body" in request_:
        assert requests[1]["unknown"] == [1]
    else:
        assert requests[0] == requests[1]


def test_a_deployment_is_priced_by_the_rule_given(
    server: tuple[str, list[dict[str, Any]]],
) -> None:
    url, requests = server
    client = with_pages(OpenAI(base_url=url, api_key="k"), model=rule_for("gpt-4o"))
    client.chat.completions.create(model="my-deployment", messages=history())
    assert images(requests[0]["messages"])
    assert requests[0]["model"] == "my-deployment"


def test_what_is_no_client_is_named() -> None:
    with pytest.raises(InputError, match="object is no client"):
        with_pages(object())
    for wrong in ({"keep": -1}, {"step": 0}, {"x_height": 0}):
        with pytest.raises(InputError):
            with_pages(OpenAI(api_key="k"), **wrong)
