"""The proxy with a memory, called by real clients that know nothing but its URL."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from optimem import OpticalMemory
from optimem.errors import StoreUnavailableError
from optimem.proxy import desk
from optimem.proxy.app import Proxy
from optimem.proxy.savings import read_savings
from optimem.proxy.settings import ProxySettings
from optimem.testing import open_memory
from tests.api.recording_server import ANSWER
from tests.proxy.talks import FACT, LONG, MODELS, PATHS, SYSTEM, body_of, exchanges
from tests.proxy.test_forwarding import call
from tests.proxy.upstream import Handler, Received, Upstream, served

USAGE = {"prompt_tokens": 1000, "prompt_tokens_details": {"cached_tokens": 640}}


@pytest.fixture
def memory() -> Iterator[OpticalMemory]:
    with open_memory() as opened:
        yield opened


@pytest.fixture
def proxy(upstream: Upstream, memory: OpticalMemory) -> Iterator[str]:
    """The URL of a proxy in mode "recall"."""
    upstreams = {"openai": upstream.url, "anthropic": upstream.url}
    with served(Proxy(memory, ProxySettings(upstreams=upstreams, deadline=60))) as url:
        yield url


def send(
    url: str, form: str, body: dict[str, Any], **headers: str
) -> tuple[int, dict[str, str], bytes]:
    name = "anthropic" if form == "anthropic" else "openai"
    status, given, data = call(f"{url}/{name}", PATHS[form], json.dumps(body).encode(), **headers)
    return status, dict(given), data


def count_sent(upstream: Upstream) -> int:
    return len(upstream.last.json.get("messages") or upstream.last.json["input"])


def test_the_sdk_of_openai(upstream: Upstream, proxy: str) -> None:
    client = openai.OpenAI(api_key="sk-1", base_url=f"{proxy}/openai/v1", max_retries=0)
    tools: Any = [{"type": "function", "function": {"name": "add", "parameters": {}}}]
    messages: Any = body_of("openai", exchanges(LONG))["messages"]
    answer = client.chat.completions.create(model="gpt-5.1", messages=messages, tools=tools)
    assert answer.choices[0].message.content == ANSWER
    assert upstream.last.json["tools"] == tools
    assert (count_sent(upstream) < LONG, FACT in upstream.last.body.decode()) == (True, True)
    assert dict(upstream.last.sent)["authorization"] == "Bearer sk-1"
    stream = client.chat.completions.create(model="gpt-5.1", messages=messages, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == ANSWER
    items: Any = exchanges(LONG)
    response = client.responses.create(model="gpt-5.1", instructions=SYSTEM, input=items)
    assert response.output_text == ANSWER
    assert count_sent(upstream) < LONG
    with client.responses.stream(model="gpt-5.1", instructions=SYSTEM, input=items) as events:
        assert events.get_final_response().output_text == ANSWER
    assert [model.id for model in client.models.list()] == []


async def test_the_async_sdks(upstream: Upstream, proxy: str) -> None:
    chat: Any = body_of("openai", exchanges(LONG))["messages"]
    async with openai.AsyncOpenAI(api_key="k", base_url=f"{proxy}/openai/v1") as client:
        answer = await client.chat.completions.create(model="gpt-5.1", messages=chat)
        assert answer.choices[0].message.content == ANSWER
        assert count_sent(upstream) < LONG
    said: Any = body_of("anthropic", exchanges(LONG))
    async with anthropic.AsyncAnthropic(api_key="k", base_url=f"{proxy}/anthropic") as claude:
        async with claude.messages.stream(**said) as stream:
            assert await stream.get_final_text() == ANSWER
        assert count_sent(upstream) < LONG


def test_the_sdk_of_anthropic(upstream: Upstream, proxy: str) -> None:
    client = anthropic.Anthropic(api_key="sk-ant", base_url=f"{proxy}/anthropic", max_retries=0)
    tools: Any = [{"name": "add", "input_schema": {"type": "object"}}]
    said: Any = body_of("anthropic", exchanges(LONG))
    answer = client.messages.create(**said, tools=tools)
    assert answer.content[0].text == ANSWER  # type: ignore[union-attr]
    assert (count_sent(upstream) < LONG, FACT in upstream.last.body.decode()) == (True, True)
    assert upstream.last.json["system"] == said["system"]
    assert dict(upstream.last.sent)["authorization"] == "Bearer sk-ant"
    with client.messages.stream(**said) as stream:
        assert stream.get_final_text() == ANSWER


def test_headers_say_what_it_costs_by_the_provider(upstream: Upstream, proxy: str) -> None:
    def respond(handler: Handler, _: Received) -> None:
        handler.reply(200, json.dumps({"usage": USAGE}).encode(), content_type="application/json")

    upstream.respond = respond
    status, headers, data = send(proxy, "openai", body_of("openai", exchanges(LONG)))
    assert (status, json.loads(data)) == (200, {"usage": USAGE})
    assert headers["x-optimem-mode"] == "recall"
    assert headers["x-optimem-usage"] == "reported"
    assert (headers["x-optimem-tokens-after"], headers["x-optimem-cached-after"]) == ("1000", "640")
    assert int(headers["x-optimem-tokens-before"]) > 10_000
    assert float(headers["x-optimem-cost-after"]) == pytest.approx(
        (360 + 64) * 1.25 / 1e6, abs=1e-6
    )


def test_savings_are_summed_from_the_events_of_a_stream(
    upstream: Upstream, proxy: str, memory: OpticalMemory
) -> None:
    def respond(handler: Handler, _: Received) -> None:
        handler.start_stream()
        handler.chunk(b'data: {"choices": []}\n\n')
        handler.chunk(b'data: {"choices": [], "usage": %s}\n\n' % json.dumps(USAGE).encode())
        handler.chunk(b"")

    upstream.respond = respond
    body = body_of("openai", exchanges(LONG), stream=True)
    _, headers, data = send(proxy, "openai", body)
    assert headers["x-optimem-usage"] == "estimated"
    assert data.startswith(b'data: {"choices": []}\n\ndata: ')
    for _ in range(200):
        if sums := read_savings(memory.store, time.time()):
            break
        time.sleep(0.05)
    ((row, found),) = sums.items()
    assert (row.model, row.mode) == (MODELS["openai"], "recall")
    assert (found.requests, found.shortened, found.tokens_after) == (1, 1, 1000)
    assert found.usd_after < found.usd_before


def test_off_by_a_header_changes_nothing(upstream: Upstream, proxy: str) -> None:
    body = body_of("openai", exchanges(LONG))
    _, headers, _ = send(proxy, "openai", body, X_Optimem_Mode="off")
    assert upstream.last.body == json.dumps(body).encode()
    assert not any(name.startswith("x-optimem") for name in headers)


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": [{"role": "king", "content": "x"}], "model": "gpt-5.1"}',
        b'{"messages": [{"role": "user", "content": 5}], "model": "gpt-5.1"}',
        b'{"messages": [{"role": "assistant", "tool_calls": "x"}], "model": "gpt-5.1"}',
        b"[" * 100_000, b"\xff\xfe", b"", b'{"messages": null}',
    ],
    ids=["role", "content", "calls", "deep", "binary", "empty", "null"],
)  # fmt: skip
def test_what_cannot_be_read_goes_as_it_came(upstream: Upstream, proxy: str, body: bytes) -> None:
    upstream.respond = lambda handler, _: handler.reply(400, b"no")
    assert call(f"{proxy}/openai", PATHS["openai"], body)[0] == 400
    assert upstream.last.body == body


def test_a_memory_that_fails_stops_no_request(
    upstream: Upstream, proxy: str, memory: OpticalMemory,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def broken(*_: Any, **__: Any) -> Any:
        raise StoreUnavailableError(f"no store for {FACT}")

    for name in ("get", "commit", "entries"):
        monkeypatch.setattr(memory.store, name, broken)
    body = body_of("openai", exchanges(LONG))
    with caplog.at_level(logging.DEBUG, "optimem"):
        status, _, _ = send(proxy, "openai", body, Authorization="Bearer sk-secret")
    assert status == 200
    assert upstream.last.body == json.dumps(body).encode()
    assert "StoreUnavailableError" in caplog.text
    assert not any(secret in caplog.text for secret in ("7261", "sk-secret", "keeper"))


def test_a_memory_that_is_slow_stops_no_request(
    upstream: Upstream, memory: OpticalMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "holds", lambda *_: time.sleep(1))
    monkeypatch.setattr(desk, "THREADS", 1)
    settings = ProxySettings(upstreams={"openai": upstream.url}, deadline=0.05)
    body = body_of("openai", exchanges(2))
    with served(Proxy(memory, settings)) as url:
        for _ in range(3):
            start = time.monotonic()
            assert send(url, "openai", body)[0] == 200
            assert upstream.last.body == json.dumps(body).encode()
            assert time.monotonic() - start < 0.9
