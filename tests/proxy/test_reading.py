"""Messages of the three APIs: what they are called, and which belong together."""

import json
from typing import Any

from optimem.planning.conversation import Conversation
from optimem.planning.facts import Counters
from optimem.proxy import reading
from optimem.proxy.wire import parse_body
from tests.proxy.talks import BY_FORM, body_of

TOOLS: dict[str, list[dict[str, Any]]] = {
    "openai": [
        {"role": "user", "content": "Add."},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
        {"role": "assistant", "content": "3"},
    ],
    "responses": [
        {"role": "user", "content": [{"type": "input_text", "text": "Add."}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "add", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "3"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "3"}]},
    ],
    "anthropic": [
        {"role": "user", "content": "Add."},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "tool_use", "id": "c1", "name": "add", "input": {"id": 5}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "3"}]}
        ]},
        {"role": "assistant", "content": [{"type": "text", "text": "3"}]},
    ],
}  # fmt: skip


def read(form: str, messages: list[dict[str, Any]]) -> Conversation:
    api = BY_FORM[form]
    body = parse_body(json.dumps(body_of(form, messages)).encode(), api.field)
    assert body
    assert reading.is_understood(api, body)
    head = reading.head_length(body)
    return reading.read_conversation(api, body, head, "message:", Counters())


def test_no_cut_parts_a_call_from_its_result_or_reasoning_from_its_call() -> None:
    assert read("openai", TOOLS["openai"]).history.safe == [0, 1, 3, 4]
    assert read("responses", TOOLS["responses"]).history.safe == [0, 1, 4, 5]
    assert read("anthropic", TOOLS["anthropic"]).history.safe == [0, 1, 3, 4]


def test_each_call_of_the_model_counts_once() -> None:
    for form, messages in TOOLS.items():
        history = read(form, messages).history
        assert len(history.calls) == 3, form
        assert list(history.human) == [0], form


def test_names_hold_though_ids_and_marks_move() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    for form, messages in TOOLS.items():
        text = json.dumps(messages).replace("c1", "c9").replace("rs_1", "rs_9")
        assert read(form, json.loads(text)).names == read(form, messages).names, form
    marked = json.loads(json.dumps(TOOLS["anthropic"]))
    marked[0]["content"] = [{"type": "text", "text": "Add.", **mark}]
    marked[2]["content"][0] |= mark
    assert read("anthropic", marked).names == read("anthropic", TOOLS["anthropic"]).names


def test_arguments_and_images_tell_messages_apart() -> None:
    said = TOOLS["anthropic"]
    other = json.loads(json.dumps(said))
    other[1]["content"][1]["input"]["id"] = 6
    assert read("anthropic", said).names[1] != read("anthropic", other).names[1]
    image = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "aGk="},
    }
    other = json.loads(json.dumps(said))
    other[2]["content"][0]["content"].append(image)
    talk = read("anthropic", other)
    assert talk.names[2] != read("anthropic", said).names[2]
    assert talk.turns([2])[0].text == "3\n[image]"


def test_items_that_we_do_not_know_are_left_alone() -> None:
    api = BY_FORM["responses"]
    items = [{"role": "user", "content": "hi"}, {"type": "computer_call", "call_id": "c"}]
    body = parse_body(json.dumps(body_of("responses", items)).encode(), api.field)
    assert body
    assert not reading.is_understood(api, body)


def test_what_claude_code_changes_at_each_call_is_not_the_system_prompt() -> None:
    api = BY_FORM["anthropic"]
    texts = ["x-anthropic-billing-header: cch=1", "You are Claude Code."]
    blocks = [{"type": "text", "text": text} for text in texts]
    data = json.dumps({"model": "m", "system": blocks, "messages": []}).encode()
    body = parse_body(data, "messages")
    assert body
    assert reading.system_texts(api, body, 0) == texts[1:]
