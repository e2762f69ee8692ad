"""Messages as APIs write them: what they say, and the message that carries pages."""

import base64
import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.utils import convert_to_messages

from optimem.errors import InputError
from optimem.prompts.forms import FORMS, Said, form_of, head, whole_places
from optimem.prompts.pages import PageImage, Place

PAGE = PageImage(8, 8, b"png", Place(0, 1), 12)
CALL: dict[str, list[Any]] = {
    "openai": [
        {"role": "user", "content": "when?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": "at noon"},
    ],
    "anthropic": [
        {"role": "user", "content": "when?"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm"},
            {"type": "tool_use", "id": "c1", "name": "look", "input": {"a": 1}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": [
                {"type": "text", "text": "at noon"}
            ]}
        ]},
    ],
    "gemini": [
        {"role": "user", "parts": [{"text": "when?"}]},
        {"role": "model", "parts": [{"function_call": {"name": "look", "args": {"a": 1}}}]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "look", "response": {"result": "at noon"}}}
        ]},
    ],
    "langchain": [
        HumanMessage("when?"),
        AIMessage("", tool_calls=[{"id": "c1", "name": "look", "args": {"a": 1}}]),
        ToolMessage("at noon", tool_call_id="c1", name="look"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CALL)
def test_a_call_and_its_result_are_told_and_stay_together(name: str) -> None:
    said = [FORMS[name].said(message) for message in CALL[name]]
    assert [one.role for one in said] == ["user", "assistant", "tool"]
    assert said[0].text == "when?"
    assert "look" in said[1].text
    assert json.dumps({"a": 1}) in said[1].text
    assert "at noon" in said[2].text
    assert said[1].calls == said[2].results != frozenset()
    assert all(one.drawable for one in said)
    assert whole_places(said) == [0, 1, 3]


@pytest.mark.parametrize("name", CALL)
def test_the_form_is_told_from_the_messages(name: str) -> None:
    provider = name if name != "langchain" else "openai"
    assert form_of(CALL[name], provider) is FORMS[name]


def test_langchain_messages_are_of_no_other_form() -> None:
    with pytest.raises(InputError, match="leave form out"):
        form_of(CALL["langchain"], "openai", "anthropic")
    assert form_of(CALL["openai"], "openai", "anthropic") is FORMS["anthropic"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("openai", {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}),
     ("anthropic", {"role": "user", "content": [{"type": "document", "source": {}}]}),
     ("gemini", {"parts": [{"inline_data": {"data": ""}}]}),
     ("langchain", HumanMessage([{"type": "image", "base64": "", "mime_type": "image/png"}]))],
)  # fmt: skip
def test_what_is_no_text_cannot_be_drawn(name: str, content: Any) -> None:
    assert not FORMS[name].said(content).drawable


def test_pages_in_each_form() -> None:
    data = base64.b64encode(b"png").decode()
    openai = FORMS["openai"].pages("before", [PAGE], "after")
    assert openai == {"role": "user", "content": [
        {"type": "text", "text": "before"},
        {"type": "image_url",
         "image_url": {"url": f"data:image/png;base64,{data}", "detail": "high"}},
        {"type": "text", "text": "after"},
    ]}  # fmt: skip
    anthropic = FORMS["anthropic"].pages("before", [PAGE], "")
    source = {"type": "base64", "media_type": "image/png", "data": data}
    assert anthropic["content"][1:] == [{"type": "image", "source": source}]
    gemini = FORMS["gemini"].pages("", [PAGE], "after")
    assert gemini["parts"][0] == {"inline_data": {"mime_type": "image/png", "data": data}}
    (human,) = convert_to_messages([FORMS["langchain"].pages("before", [PAGE], "after")])
    assert isinstance(human, HumanMessage)
    assert [block["type"] for block in human.content_blocks] == ["text", "image", "text"]


@pytest.mark.parametrize(
    "messages", [[42], [{"content": "no role"}], [{"role": "nobody", "content": "x"}], [object()]]
)
def test_what_is_no_message_is_named(messages: list[Any]) -> None:
    with pytest.raises(InputError, match=r"no message|role 'nobody' is unknown"):
        [form_of(messages, "openai").said(message) for message in messages]


def test_system_messages_images_and_the_last_ones_stay() -> None:
    said = [Said("system", "be brief"), *[Said("user", str(i)) for i in range(6)]]
    assert head(said, keep=2) == (1, 5)
    assert head(said, keep=9) == (1, 1)
    said[3] = Said("user", "look", drawable=False)
    assert head(said, keep=2) == (1, 3)
    langchain = FORMS["langchain"].said(SystemMessage("be brief"))
    assert langchain == Said("system", "be brief")
