"""`with_memory`: the SDKs with a memory of their own, in two lines."""

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from optimem import InputError, OpticalMemory, with_memory
from optimem.testing import open_memory
from tests.api.recording_server import ANSWER
from tests.proxy.talks import FACT, LONG, body_of, exchanges
from tests.proxy.test_proxy import count_sent
from tests.proxy.upstream import Upstream

CHAT: Any = {"model": "gpt-5.1", "messages": body_of("openai", exchanges(LONG))["messages"]}
CLAUDE: Any = body_of("anthropic", exchanges(LONG))


@pytest.fixture
def memory() -> Iterator[OpticalMemory]:
    with open_memory() as opened:
        yield opened


def test_openai_has_a_memory(upstream: Upstream, memory: OpticalMemory) -> None:
    plain = openai.OpenAI(api_key="k", base_url=f"{upstream.url}/v1", max_retries=0)
    client = with_memory(plain, memory, deadline=60)
    assert type(client) is openai.OpenAI
    raw = client.with_options(timeout=9).chat.completions.with_raw_response.create(**CHAT)
    assert raw.parse().choices[0].message.content == ANSWER
    assert (count_sent(upstream) < LONG, FACT in upstream.last.body.decode()) == (True, True)
    assert raw.headers["x-optimem-mode"] == "recall"
    stream = client.chat.completions.create(**CHAT, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == ANSWER
    off = {"x-optimem-mode": "off"}
    client.chat.completions.create(**CHAT, extra_headers=off)
    assert count_sent(upstream) == len(CHAT["messages"])
    assert not any(name.startswith("x-optimem") for name, _ in upstream.last.sent)
    plain.chat.completions.create(**CHAT)
    assert count_sent(upstream) == len(CHAT["messages"])


async def test_async_clients_have_one_too(upstream: Upstream, memory: OpticalMemory) -> None:
    inner = httpx2.AsyncClient(headers={"x-mine": "1"})
    given = openai.AsyncOpenAI(api_key="k", base_url=f"{upstream.url}/v1", http_client=inner)
    async with with_memory(given, memory, deadline=60) as client:
        answer = await client.chat.completions.create(**CHAT)
        assert answer.choices[0].message.content == ANSWER
        assert count_sent(upstream) < LONG
    async with with_memory(
        anthropic.AsyncAnthropic(api_key="k", base_url=upstream.url), memory, deadline=60
    ) as claude:
        async with claude.messages.stream(**CLAUDE) as stream:
            assert await stream.get_final_text() == ANSWER
        assert count_sent(upstream) < LONG


def test_anthropic_has_a_memory(upstream: Upstream, memory: OpticalMemory) -> None:
    with with_memory(
        anthropic.Anthropic(api_key="k", base_url=upstream.url), memory, deadline=60
    ) as client:
        answer = client.messages.create(**CLAUDE)
        assert answer.content[0].text == ANSWER  # type: ignore[union-attr]
        assert (count_sent(upstream) < LONG, FACT in upstream.last.body.decode()) == (True, True)


def test_what_is_no_client_is_refused_by_name(memory: OpticalMemory) -> None:
    with pytest.raises(InputError, match=r"str is not a client of OpenAI's or Anthropic's SDK"):
        with_memory("sk-1", memory)
    with pytest.raises(InputError, match="mode 'fast' is unknown"):
        with_memory(openai.OpenAI(api_key="k"), memory, mode="fast")  # type: ignore[arg-type]
