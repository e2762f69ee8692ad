"""Messages as APIs write them: parsed, and with pages written."""

import base64
import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.utils import convert_to_messages

from optimem.errors import InputError
from optimem.prompts.forms import (
    FORMS,
    ParsedMessage,
    choose_form,
    drawable_range,
    find_form,
    safe_cuts,
)
from optimem.prompts.pages import PageImage, TextPosition

PAGE = PageImage(8, 8, b"png", TextPosition(0, 1), 12)
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
def test_a_call_and_its_result_are_parsed_and_stay_together(name: str) -> None:
    parsed = [FORMS[name].parse(message) for message in CALL[name]]
    assert [one.role for one in parsed] == ["user", "assistant", "tool"]
    assert parsed[0].text == "when?"
    assert "look" in parsed[1].text
    assert json.dumps({"a": 1}) in parsed[1].text
    assert "at noon" in parsed[2].text
    assert parsed[1].tools.calls == parsed[2].tools.results != frozenset()
    assert all(one.drawable for one in parsed)
    assert safe_cuts(one.tools for one in parsed) == [0, 1, 3]


@pytest.mark.parametrize("name", CALL)
def test_the_form_is_recognized_from_the_messages(name: str) -> None:
    provider = name if name != "langchain" else "openai"
    assert choose_form(CALL[name], provider) is FORMS[name]


def test_langchain_messages_are_of_no_other_form() -> None:
    with pytest.raises(InputError, match="leave out `form`"):
        choose_form(CALL["langchain"], "openai", "anthropic")
    assert choose_form(CALL["openai"], "openai", "anthropic") is FORMS["anthropic"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("openai", {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}),
     ("anthropic", {"role": "user", "content": [{"type": "document", "source": {}}]}),
     ("gemini", {"parts": [{"inline_data": {"data": ""}}]}),
     ("langchain", HumanMessage([{"type": "image", "base64": "", "mime_type": "image/png"}]))],
)  # fmt: skip
def test_an_image_or_a_file_cannot_be_drawn(name: str, content: Any) -> None:
    assert not FORMS[name].parse(content).drawable


def test_pages_in_each_form() -> None:
    data = base64.b64encode(b"png").decode()
    openai = FORMS["openai"].page_message("before", [PAGE], "after")
    assert openai == {"role": "user", "content": [
        {"type": "text", "text": "before"},
        {"type": "image_url",
         "image_url": {"url": f"data:image/png;base64,{data}", "detail": "high"}},
        {"type": "text", "text": "after"},
    ]}  # fmt: skip
    anthropic = FORMS["anthropic"].page_message("before", [PAGE], "")
    source = {"type": "base64", "media_type": "image/png", "data": data}
    assert anthropic["content"][1:] == [{"type": "image", "source": source}]
    gemini = FORMS["gemini"].page_message("", [PAGE], "after")
    assert gemini["parts"][0] == {"inline_data": {"mime_type": "image/png", "data": data}}
    (human,) = convert_to_messages([FORMS["langchain"].page_message("before", [PAGE], "after")])
    assert isinstance(human, HumanMessage)
    assert [block["type"] for block in human.content_blocks] == ["text", "image", "text"]


@pytest.mark.parametrize(
    "messages", [[42], [{"content": "no role"}], [{"role": "nobody", "content": "x"}], [object()]]
)
def test_an_invalid_message_is_named(messages: list[Any]) -> None:
    with pytest.raises(InputError, match=r"not a message|role 'nobody' is unknown"):
        [choose_form(messages, "openai").parse(message) for message in messages]


def test_system_messages_images_and_the_last_ones_stay() -> None:
    messages = [ParsedMessage("system", "be brief")]
    messages += [ParsedMessage("user", str(i)) for i in range(6)]
    assert drawable_range(messages, keep=2) == (1, 5)
    assert drawable_range(messages, keep=9) == (1, 1)
    messages[3] = ParsedMessage("user", "look", drawable=False)
    assert drawable_range(messages, keep=2) == (1, 3)
    langchain = FORMS["langchain"].parse(SystemMessage("be brief"))
    assert langchain == ParsedMessage("system", "be brief")


def test_an_unknown_form_is_named() -> None:
    with pytest.raises(InputError, match="form 'xml' is unknown; choose one of openai, anthropic"):
        find_form("xml")
