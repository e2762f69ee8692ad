"""Agents' loops through the proxy, by clients that know nothing but its URL: after a long
conversation the model calls a tool, the client sends the result, the model answers."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from optimem.proxy.app import Proxy
from optimem.proxy.settings import ProxySettings
from optimem.testing import open_memory
from tests.api.recording_server import ANSWER, CHAT, CHUNK, MESSAGE, RESPONSE, _event
from tests.proxy.talks import LONG, MODELS, SYSTEM, body_of, exchanges
from tests.proxy.upstream import Handler, Received, Upstream, answer, served

CALL: dict[str, Any] = {"id": "call_1", "type": "function",
                        "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}  # fmt: skip
ITEM = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "status": "completed",
        **CALL["function"]}  # fmt: skip
USE = {"type": "tool_use", "id": "call_1", "name": "add", "input": {"a": 1, "b": 2}}
ASKED: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [CALL]}
WHOLE = {
    "completions": {**CHAT, "choices": [
        {"index": 0, "finish_reason": "tool_calls", "message": ASKED}]},
    "responses": {**RESPONSE, "output": [ITEM]},
    "messages": {**MESSAGE, "content": [USE], "stop_reason": "tool_use"},
}  # fmt: skip
PART = {"type": "input_json_delta", "partial_json": '{"a": 1, "b": 2}'}
STREAMED: dict[str, list[dict[str, Any]]] = {
    "completions": [{**CHUNK, "choices": [{"index": 0, "finish_reason": "tool_calls", "delta": {
        "role": "assistant", "tool_calls": [{"index": 0, **CALL}]}}]}],
    "responses": [
        {"type": "response.created", "sequence_number": 0, "response": {**RESPONSE, "output": []}},
        {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0,
         "item": {**ITEM, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "sequence_number": 2,
         "output_index": 0, "item_id": "fc_1", "delta": ITEM["arguments"]},
        {"type": "response.output_item.done", "sequence_number": 3, "output_index": 0,
         "item": ITEM},
        {"type": "response.completed", "sequence_number": 4, "response": WHOLE["responses"]},
    ],
    "messages": [
        {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {**USE, "input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": PART},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"},
         "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ],
}  # fmt: skip
CHAT_TOOLS: Any = [{"type": "function", "function": {"name": "add", "parameters": {}}}]
ITEM_TOOLS: Any = [{"type": "function", "name": "add", "parameters": {}, "strict": False}]
CLAUDE_TOOLS: Any = [{"name": "add", "input_schema": {"type": "object"}}]


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[str]:
    """The URL of a proxy to a model that calls a tool until it is given a result."""

    def respond(handler: Handler, received: Received) -> None:
        body, name = received.json, handler.path.rpartition("/")[2]
        if "call_1" in json.dumps(body[_field(body)][-1:]):
            answer(handler, received)
        elif body.get("stream"):
            handler.start_stream()
            handler.chunk("".join(map(_event, STREAMED[name])).encode())
            handler.chunk(b"data: [DONE]\n\n" if name == "completions" else b"\n")
            handler.chunk(b"")
        else:
            handler.reply(200, json.dumps(WHOLE[name]).encode(), content_type="application/json")

    upstream.respond = respond
    settings = ProxySettings(dict.fromkeys(("openai", "anthropic"), upstream.url), deadline=60)
    with open_memory() as memory, served(Proxy(memory, settings)) as url:
        yield url


def _field(body: dict[str, Any]) -> str:
    return "messages" if "messages" in body else "input"


def check_loop(upstream: Upstream) -> None:
    """Both requests were shortened, and the second begins with the first."""
    first, second = (each.json for each in upstream.requests)
    one, two = (body[_field(body)] for body in (first, second))
    assert len(one) < LONG
    assert two[: len(one)] == one
    assert [len(two) - len(one), "call_1" in json.dumps(two[-2])] == [2, True]
    assert first["tools"] == second["tools"]


def test_chat_completions(upstream: Upstream, proxy: str) -> None:
    client = openai.OpenAI(api_key="k", base_url=f"{proxy}/openai/v1", max_retries=0)
    said: Any = body_of("openai", exchanges(LONG))
    called = client.chat.completions.create(**said, tools=CHAT_TOOLS).choices[0].message
    assert called.tool_calls
    result = {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "3"}
    said["messages"] += [called.to_dict(), result]
    last = client.chat.completions.create(**said, tools=CHAT_TOOLS)
    assert last.choices[0].message.content == ANSWER
    check_loop(upstream)


async def test_chat_completions_streamed(upstream: Upstream, proxy: str) -> None:
    said: Any = body_of("openai", exchanges(LONG))
    async with openai.AsyncOpenAI(api_key="k", base_url=f"{proxy}/openai/v1") as client:
        async with client.chat.completions.stream(**said, tools=CHAT_TOOLS) as stream:
            called = (await stream.get_final_completion()).choices[0].message
        assert called.tool_calls
        result = {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "3"}
        said["messages"] += [{"role": "assistant", "tool_calls": [CALL]}, result]
        async with client.chat.completions.stream(**said, tools=CHAT_TOOLS) as stream:
            last = await stream.get_final_completion()
    assert last.choices[0].message.content == ANSWER
    check_loop(upstream)


@pytest.mark.parametrize("streamed", [False, True])
def test_responses(upstream: Upstream, proxy: str, streamed: bool) -> None:
    client = openai.OpenAI(api_key="k", base_url=f"{proxy}/openai/v1", max_retries=0)
    items: Any = exchanges(LONG)
    options: Any = {"model": MODELS["responses"], "instructions": SYSTEM, "tools": ITEM_TOOLS}

    def ask() -> Any:
        if not streamed:
            return client.responses.create(**options, input=items)
        with client.responses.stream(**options, input=items) as events:
            return events.get_final_response()

    (called,) = ask().output
    items += [ITEM, {"type": "function_call_output", "call_id": called.call_id, "output": "3"}]
    assert ask().output_text == ANSWER
    check_loop(upstream)


@pytest.mark.parametrize("streamed", [False, True])
def test_messages(upstream: Upstream, proxy: str, streamed: bool) -> None:
    client = anthropic.Anthropic(api_key="k", base_url=f"{proxy}/anthropic", max_retries=0)
    said: Any = body_of("anthropic", exchanges(LONG), tools=CLAUDE_TOOLS)

    def ask() -> Any:
        if not streamed:
            return client.messages.create(**said)
        with client.messages.stream(**said) as stream:
            return stream.get_final_message()

    (called,) = ask().content
    result = {"type": "tool_result", "tool_use_id": called.id, "content": "3"}
    said["messages"] += [
        {"role": "assistant", "content": [USE]},
        {"role": "user", "content": [result]},
    ]
    assert ask().content[0].text == ANSWER
    check_loop(upstream)


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def chat_model(kind: str, proxy: str) -> BaseChatModel:
    """One of LangChain's models, which knows nothing but the proxy's URL."""
    if kind == "anthropic":
        return ChatAnthropic(model=MODELS["anthropic"], base_url=f"{proxy}/anthropic", api_key="k")  # type: ignore[call-arg, arg-type]
    responses = kind == "responses"
    return ChatOpenAI(
        model=MODELS[kind],
        base_url=f"{proxy}/openai/v1",
        use_responses_api=responses,
        api_key="k",  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("kind", ["openai", "responses", "anthropic"])
@pytest.mark.parametrize("streamed", [False, True])
async def test_langchains_models(upstream: Upstream, proxy: str, kind: str, streamed: bool) -> None:
    model = chat_model(kind, proxy).bind_tools([add])
    kinds = {"user": HumanMessage, "assistant": AIMessage}
    said: list[Any] = [kinds[each["role"]](each["content"]) for each in exchanges(LONG)]

    async def ask() -> AIMessage:
        if not streamed:
            return model.invoke(said)
        chunks = [chunk async for chunk in model.astream(said)]
        whole = chunks[0]
        for chunk in chunks[1:]:
            whole += chunk
        assert isinstance(whole, AIMessageChunk)
        return whole

    called = await ask()
    (call,) = called.tool_calls
    said += [called, ToolMessage(str(add.invoke(call["args"])), tool_call_id=call["id"])]
    last = await ask()
    assert last.text == ANSWER
    check_loop(upstream)
