"""The SDKs themselves, against a server that records what it is sent."""

import copy
import json
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

from optimem import with_pages
from optimem.errors import InputError
from optimem.prompts import PromptPlan, rule_for
from tests.api.recording_server import ANSWER, STORY, history, images


def test_openai_sends_old_messages_as_pages(server: tuple[str, list[dict[str, Any]]]) -> None:
    url, requests = server
    plans: list[PromptPlan] = []
    plain = OpenAI(base_url=url, api_key="k")
    client = with_pages(plain, on_plan=plans.append)
    messages = history()
    before = copy.deepcopy(messages)
    answer = client.chat.completions.create(model="gpt-4o", messages=messages, seed=7, user="u")
    assert answer.choices[0].message.content == ANSWER
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
    assert parts[0].choices[0].delta.content == ANSWER
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
    with pytest.raises(InputError, match="object is not a client"):
        with_pages(object())
    for wrong in ({"keep": -1}, {"step": 0}, {"x_height": 0}):
        with pytest.raises(InputError):
            with_pages(OpenAI(api_key="k"), **wrong)
