"""Providers that refuse, stall and reset, behind a proxy that plans, as the SDKs see them: what
comes back is the provider's own, nothing of ours stands in for it, and the next request is
served."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import openai
import pytest

from optimem import OpticalMemory
from optimem.proxy.app import Proxy
from optimem.proxy.savings import read_savings
from optimem.proxy.settings import ProxySettings
from optimem.testing import open_memory
from tests.api.recording_server import ANSWER
from tests.proxy.talks import LONG, body_of, exchanges
from tests.proxy.test_forwarding import call
from tests.proxy.upstream import Handler, Received, Upstream, answer, served

CHAT: Any = body_of("openai", exchanges(LONG))
CLAUDE: Any = body_of("anthropic", exchanges(LONG))
SAID = {"error": {"type": "overloaded_error", "message": "try later", "code": "x"}}


@pytest.fixture
def memory() -> Iterator[OpticalMemory]:
    with open_memory() as opened:
        yield opened


@pytest.fixture
def proxy(upstream: Upstream, memory: OpticalMemory) -> Iterator[str]:
    """The URL of a proxy in mode "recall"."""
    settings = ProxySettings(dict.fromkeys(("openai", "anthropic"), upstream.url), deadline=60)
    with served(Proxy(memory, settings)) as url:
        yield url


def client(proxy: str, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url=f"{proxy}/openai/v1", **options)


def once(fault: Callable[[Handler], None]) -> Callable[[Handler, Received], None]:
    """A provider that fails at the first request and answers all others."""
    failed = threading.Event()

    def respond(handler: Handler, received: Received) -> None:
        if failed.is_set():
            answer(handler, received)
        else:
            failed.set()
            fault(handler)

    return respond


@pytest.mark.parametrize("streamed", [False, True])
def test_a_refusal_is_the_providers_own(
    upstream: Upstream, proxy: str, memory: OpticalMemory, streamed: bool
) -> None:
    def refuse(status: int) -> None:
        body = json.dumps(SAID).encode()
        upstream.respond = lambda handler, _: handler.reply(
            status, body, retry_after="7", content_type="application/json"
        )

    refuse(429)
    with pytest.raises(openai.RateLimitError) as limited:
        client(proxy, max_retries=0).chat.completions.create(**CHAT, stream=streamed)
    refuse(529)
    claude = anthropic.Anthropic(api_key="k", base_url=f"{proxy}/anthropic", max_retries=0)
    with pytest.raises(anthropic.APIStatusError) as overloaded:
        claude.messages.create(**CLAUDE, stream=streamed)
    for error, status in ((limited.value, 429), (overloaded.value, 529)):
        assert (error.status_code, error.response.json()) == (status, SAID)
        assert error.response.headers["retry-after"] == "7"
        assert not any(name.startswith("x-optimem") for name in error.response.headers)
    assert not read_savings(memory.store, time.time())


@pytest.mark.parametrize("fault", ["429", "reset"])
def test_an_sdk_that_tries_again_sends_the_same(
    upstream: Upstream, proxy: str, memory: OpticalMemory, fault: str
) -> None:
    """And nothing is remembered twice."""
    upstream.respond = once(
        Handler.reset if fault == "reset" else lambda handler: handler.reply(429, b"{}")
    )
    said = client(proxy, max_retries=1).chat.completions.create(**CHAT)
    assert said.choices[0].message.content == ANSWER
    one, two = (received.body for received in upstream.requests)
    assert one == two
    (scope,) = memory.scopes()
    assert scope.turns == len(CHAT["messages"]) - 2  # the system prompt, and the question at hand


def test_a_stall_ends_with_the_clients_patience_and_stops_nobody_else(
    upstream: Upstream, proxy: str
) -> None:
    client(proxy).chat.completions.create(**CHAT)  # the next plans take no time
    stalls = threading.Event()

    def stall(handler: Handler) -> None:
        stalls.set()
        handler.wait_for_close()

    def wait() -> None:
        with pytest.raises(openai.APITimeoutError):
            client(proxy, max_retries=0, timeout=2).chat.completions.create(**CHAT)

    upstream.respond = once(stall)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(wait)
        assert stalls.wait(10)
        said = client(proxy, max_retries=0).chat.completions.create(**CHAT)
        assert said.choices[0].message.content == ANSWER
        assert not upstream.gone.is_set()
        waiting.result(10)
    assert upstream.gone.wait(5)


def test_a_stream_that_stalls_or_breaks_off_keeps_what_came(upstream: Upstream, proxy: str) -> None:
    client(proxy).chat.completions.create(**CHAT)
    chunk = b'data: {"choices": [{"index": 0, "delta": {"content": "Hal"}}]}\n\n'

    def start(handler: Handler, then: Callable[[Handler], None]) -> None:
        handler.start_stream()
        handler.chunk(chunk)
        then(handler)

    for then in (Handler.wait_for_close, Handler.reset):
        upstream.respond = lambda handler, _, then=then: start(handler, then)  # type: ignore[misc]
        came = ""
        with pytest.raises((openai.APITimeoutError, openai.APIConnectionError)):  # noqa: PT012
            for each in client(proxy, timeout=2).chat.completions.create(**CHAT, stream=True):
                came += each.choices[0].delta.content or ""
        assert came == "Hal"
    upstream.respond = None
    assert client(proxy).chat.completions.create(**CHAT)


def test_an_answer_that_is_no_json_or_huge_passes(upstream: Upstream, proxy: str) -> None:
    body = json.dumps(CHAT).encode()
    for sent in (b'{"usage": ', b"\xff" * 100, b"x" * (9 << 20)):
        upstream.respond = lambda handler, _, sent=sent: handler.reply(  # type: ignore[misc]
            200, sent, content_type="application/json"
        )
        status, _, came = call(f"{proxy}/openai", "/v1/chat/completions", body)
        assert (status, came) == (200, sent)
