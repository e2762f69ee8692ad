"""Messages as APIs write them: parsed, and with pages written."""

import base64
import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.utils import convert_to_messages

from optimem.prompts.forms import (
    FORMS,
    ParsedMessage,
    drawable_range,
    safe_cuts,
)
from optimem.prompts.pages import PageImage, TextPosition

PAGE = PageImage(8, 8, lambda: b"png", TextPosition(0, 1), 12)
CALL: dict[str, list[Any]] = {
    "openai": [
        {"role": "user", "content": "when?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": "at noon"},
    ],
    "responses": [
        {"role": "user", "content": "when?"},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "at noon"},
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


@pytest.mark.parametrize(
    ("name", "content"),
    [("responses", {"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}),
     ("responses", {"type": "web_search_call", "id": "w1", "status": "completed"}),
     ("openai", {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}),
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
    responses = FORMS["responses"].page_message("before", [PAGE], "")
    assert responses == {"role": "user", "content": [
        {"type": "input_text", "text": "before"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{data}", "detail": "high"},
    ]}  # fmt: skip
    anthropic = FORMS["anthropic"].page_message("before", [PAGE], "")
    source = {"type": "base64", "media_type": "image/png", "data": data}
    assert anthropic["content"][1:] == [{"type": "image", "source": source}]
    gemini = FORMS["gemini"].page_message("", [PAGE], "after")
    assert gemini["parts"][0] == {"inline_data": {"mime_type": "image/png", "data": data}}
    (human,) = convert_to_messages([FORMS["langchain"].page_message("before", [PAGE], "after")])
    assert isinstance(human, HumanMessage)
    assert [block["type"] for block in human.content_blocks] == ["text", "image", "text"]


def test_system_messages_images_and_the_last_ones_stay() -> None:
    messages = [ParsedMessage("system", "be brief")]
    messages += [ParsedMessage("user", str(i)) for i in range(6)]
    assert drawable_range(messages, keep=2) == (1, 5)
    assert drawable_range(messages, keep=9) == (1, 1)
    messages[3] = ParsedMessage("user", "look", drawable=False)
    assert drawable_range(messages, keep=2) == (1, 3)
    langchain = FORMS["langchain"].parse(SystemMessage("be brief"))
    assert langchain == ParsedMessage("system", "be brief", sent=("be brief",))


@pytest.mark.parametrize("name", CALL)
def test_what_is_counted_is_what_a_request_holds(name: str) -> None:
    asked, called, answered = (FORMS[name].parse(message).sent for message in CALL[name])
    assert asked == ("when?",)
    assert called == ("look", '{"a": 1}')
    assert answered in (("at noon",), ("look", '{"result": "at noon"}'))


def test_the_name_of_an_author_is_shown_and_counted() -> None:
    said = FORMS["openai"].parse({"role": "user", "name": "ann", "content": "hi"})
    assert (said.text, said.sent) == ("[ann]\nhi", ("ann", "hi"))
    answer = {"role": "tool", "name": "f", "tool_call_id": "c1", "content": "noon"}
    assert FORMS["openai"].parse(answer).sent == ("noon",)


def test_older_and_custom_calls_of_chat_completions_stay_with_their_results() -> None:
    custom = {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
    messages = [
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "noon"},
        {"role": "assistant", "content": None, "tool_calls": [custom]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
    ]
    parsed = [FORMS["openai"].parse(message) for message in messages]
    assert safe_cuts(one.tools for one in parsed) == [0, 2, 4]
    assert "select 1" in parsed[2].text


def test_reasoning_stays_with_what_it_led_to() -> None:
    items = [
        {"role": "user", "content": "when?"},
        {"type": "reasoning", "id": "r1", "summary": []},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": [
            {"type": "input_text", "text": "at noon"}
        ]},
    ]  # fmt: skip
    parsed = [FORMS["responses"].parse(item) for item in items]
    assert parsed[3].text == "at noon"
    ends = [drawable_range(parsed, keep)[1] for keep in range(5)]
    assert ends == [4, 1, 1, 1, 0]
