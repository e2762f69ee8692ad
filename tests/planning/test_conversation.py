"""What messages are called, what they cost, and which must stay."""

import base64
import io
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from PIL import Image

from optimem.adapters.conversation import INSERTED, read_conversation
from optimem.planning.conversation import Conversation
from optimem.planning.facts import IMAGE_TOKENS, Counters
from optimem.prompts import rule_for
from optimem.prompts.draft import MESSAGE_TOKENS

IMAGE: Any = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}


def call(key: str) -> Any:
    return {"name": "add", "args": {"a": 1}, "id": key, "type": "tool_call"}


def talk(*messages: AnyMessage) -> Conversation:
    return read_conversation(messages, "message:", Counters(len))


def test_names_go_by_content_and_place_not_by_id() -> None:
    one = talk(HumanMessage("ok", id="1"), AIMessage("so"), HumanMessage("ok", id="2"))
    two = talk(HumanMessage("ok", id="8"), AIMessage("so", id="7"), HumanMessage("ok"))
    assert one.names == two.names
    assert len(set(one.names)) == 3


def test_what_a_message_says_and_who_says_it_tell_names_apart() -> None:
    different: list[AnyMessage] = [
        HumanMessage("a"), HumanMessage("b"), AIMessage("a"), ToolMessage("a", tool_call_id="1"),
        HumanMessage("a", name="ann"), HumanMessage(content=[{"type": "text", "text": "a"}, IMAGE]),
        AIMessage("a", tool_calls=[call("1")]),
    ]  # fmt: skip
    assert len({talk(message).names[0] for message in different}) == len(different)
    again = [talk(AIMessage("a", tool_calls=[call(key)])).names for key in ("1", "2")]
    assert again[0] == again[1]


def test_a_removed_message_renames_no_other() -> None:
    said = [HumanMessage(f"{i}") for i in range(5)]
    assert talk(*said[1:]).names == talk(*said).names[1:]


def test_tokens_count_images_and_frames() -> None:
    history = talk(HumanMessage("four"), HumanMessage(content=["abc", IMAGE])).history
    assert history.tokens == [4 + MESSAGE_TOKENS, 3 + MESSAGE_TOKENS + IMAGE_TOKENS]


def test_an_image_costs_what_the_model_charges_for_its_size() -> None:
    file = io.BytesIO()
    Image.new("RGB", (1024, 512)).save(file, "PNG")
    carried = {**IMAGE, "base64": base64.b64encode(file.getvalue()).decode()}
    named = {"type": "image", "url": "https://example.org/a.png"}
    said = [HumanMessage(content=[carried]), HumanMessage(content=[named]), HumanMessage("no")]
    formula = rule_for("gpt-4o").formula
    tokens = read_conversation(said, "", Counters(len, formula)).history.tokens
    assert tokens[0] == MESSAGE_TOKENS + formula.tokens(1024, 512) == MESSAGE_TOKENS + 85 + 2 * 170
    assert tokens[1:] == [MESSAGE_TOKENS + IMAGE_TOKENS, MESSAGE_TOKENS + 2]
    assert read_conversation(said, "").history.tokens[0] == MESSAGE_TOKENS + IMAGE_TOKENS


def test_a_tool_call_is_counted_by_what_is_sent_of_it() -> None:
    (tokens,) = talk(AIMessage("so", tool_calls=[call("1")])).history.tokens
    assert tokens == len("so" + "add" + '{"a": 1}') + MESSAGE_TOKENS


def test_what_must_stay_takes_its_tool_calls_along() -> None:
    conversation = talk(
        SystemMessage("rules"),
        HumanMessage("hi"),
        AIMessage("", tool_calls=[call("1")]),
        ToolMessage("bad \ud800 byte", tool_call_id="1"),
        AIMessage("", tool_calls=[call("lost")]),
        HumanMessage("bye"),
    )
    assert conversation.staying(6) == [0, 2, 3, 4]
    assert conversation.staying(2) == [0]


def test_only_what_a_memory_can_hold_becomes_turns() -> None:
    conversation = talk(
        SystemMessage("rules"),
        HumanMessage("bad \ud800"),
        HumanMessage("recalled", id=f"{INSERTED}x"),
        HumanMessage(content=["look", IMAGE]),
    )
    turns = conversation.turns(range(4))
    assert [(turn.text, turn.id) for turn in turns] == [("look\n[image]", conversation.names[3])]


def test_a_call_is_counted_for_each_answer_and_for_the_one_at_hand() -> None:
    history = talk(HumanMessage("a"), AIMessage("b"), HumanMessage("c")).history
    assert (list(history.human), history.calls) == ([0, 2], [1, 3])
