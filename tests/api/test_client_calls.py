"""Every way in which the SDKs send messages: streamed, parsed, beta, and by a tool runner."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from optimem import with_pages
from optimem.prompts import PromptPlan
from tests.api.recording_server import ANSWER, history, images

Server = tuple[str, list[dict[str, Any]]]


class Hour(BaseModel):
    """What is asked for."""

    hour: str


GPT = {"model": "gpt-4o"}
CLAUDE = {"model": "claude-haiku-4-5", "max_tokens": 9}


def chat_stream(client: Any) -> str:
    with client.chat.completions.stream(**GPT, messages=history()) as stream:
        return str(stream.get_final_completion().choices[0].message.content)


def chat_parse(client: Any) -> str:
    done = client.chat.completions.parse(**GPT, messages=history(), response_format=Hour)
    return str(done.choices[0].message.parsed.hour)


def chat_beta_parse(client: Any) -> str:
    done = client.beta.chat.completions.parse(**GPT, messages=history(), response_format=Hour)
    return str(done.choices[0].message.parsed.hour)


def chat_raw_stream(client: Any) -> str:
    send = client.chat.completions.with_streaming_response.create
    with send(**GPT, messages=history()) as response:
        return str(response.parse().choices[0].message.content)


def responses_stream(client: Any) -> str:
    with client.responses.stream(**GPT, input=history()) as stream:
        return str(stream.get_final_response().output_text)


def responses_parse(client: Any) -> str:
    return str(client.responses.parse(**GPT, input=history(), text_format=Hour).output_parsed.hour)


def messages_stream(client: Any) -> str:
    with client.messages.stream(**CLAUDE, messages=history(system=False)) as stream:
        return "".join(stream.text_stream)


def messages_parse(client: Any) -> str:
    done = client.messages.parse(**CLAUDE, messages=history(system=False), output_format=Hour)
    return str(done.parsed_output.hour)


def beta_create(client: Any) -> str:
    return str(
        client.beta.messages.create(**CLAUDE, messages=history(system=False)).content[0].text
    )


def beta_stream(client: Any) -> str:
    with client.beta.messages.stream(**CLAUDE, messages=history(system=False)) as stream:
        return str(stream.get_final_message().content[0].text)


def beta_parse(client: Any) -> str:
    done = client.beta.messages.parse(**CLAUDE, messages=history(system=False), output_format=Hour)
    return str(done.parsed_output.hour)


def beta_tool_runner(client: Any) -> str:
    asked = history(system=False)
    runner = client.beta.messages.tool_runner(**CLAUDE, messages=asked, tools=[])
    return str(runner.until_done().content[0].text)


@pytest.mark.parametrize(
    ("sdk", "send"),
    [
        *((OpenAI, call) for call in (chat_stream, chat_parse, chat_beta_parse, chat_raw_stream)),
        *((OpenAI, call) for call in (responses_stream, responses_parse)),
        *((Anthropic, call) for call in (messages_stream, messages_parse)),
        *((Anthropic, call) for call in (beta_create, beta_stream, beta_parse, beta_tool_runner)),
    ],
)
def test_pages_are_sent_once_and_the_answer_is_the_apis(
    server: Server, sdk: Any, send: Callable[[Any], str]
) -> None:
    url, requests = server
    plans: list[PromptPlan] = []
    plain = sdk(base_url=url, api_key="k")
    assert send(with_pages(plain, on_plan=plans.append)) in (ANSWER, "noon")
    send(plain)
    paged, unpaged = (sent.get("messages") or sent["input"] for sent in requests)
    assert len(images(paged)) == plans[0].pages > 0
    assert paged[-4:] == unpaged[-4:]
    assert images(unpaged) == []
    assert len(plans) == 1


async def test_streams_of_async_clients_send_pages_drawn_in_a_thread(server: Server) -> None:
    url, requests = server
    drawn_in = list[int]()

    def note(_: PromptPlan) -> None:
        drawn_in.append(threading.get_ident())

    openai = with_pages(AsyncOpenAI(base_url=url, api_key="k"), on_plan=note)
    async with openai.chat.completions.stream(**GPT, messages=history()) as stream:
        assert (await stream.get_final_completion()).choices[0].message.content == ANSWER
    async with openai.responses.stream(**GPT, input=history()) as answered:
        assert (await answered.get_final_response()).output_text == ANSWER
    anthropic = with_pages(AsyncAnthropic(base_url=url, api_key="k"), on_plan=note)
    for resource in (anthropic.messages, anthropic.beta.messages):
        async with resource.stream(**CLAUDE, messages=history(system=False)) as told:
            assert (await told.get_final_message()).content[0].text == ANSWER
    assert len(requests) == len(drawn_in) == 4
    assert threading.get_ident() not in drawn_in
    assert all(images(sent.get("messages") or sent["input"]) for sent in requests)
