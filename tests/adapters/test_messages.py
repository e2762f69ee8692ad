"""LangChain messages as turns and back."""

from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage

from optimem.adapters.messages import (
    JSON_PREFIX,
    from_exact_turn,
    message_keys,
    message_text,
    message_tokens,
    to_exact_turn,
    to_turns,
)
from optimem.prompts.draft import MESSAGE_TOKENS
from optimem.text.tokens import text_tokens
from optimem.turns import Turn

CALL: Any = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
MESSAGES: list[AnyMessage] = [
    SystemMessage("Be brief.", id="s"),
    HumanMessage("Hello", id="h"),
    AIMessage("", tool_calls=[CALL], id="a"),
    ToolMessage("2", tool_call_id="c1", name="add", id="t"),
    HumanMessage("named", id="n", name="ann"),
]


@dataclass
class Recalled:
    """The fields of a recalled turn that matter here."""

    text: str
    guess: str
    role: str = "user"
    id: str = "k"


def recalled(turn: Turn) -> Any:
    return Recalled(turn.text, turn.text, turn.role, str(turn.id))


def test_turns_say_what_messages_say() -> None:
    turns = to_turns(MESSAGES, "shatn")
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "tool", "user"]
    assert [turn.id for turn in turns] == list("shatn")
    assert turns[2].text == '[calls add({"a": 1})]'
    assert turns[3].text == "[add]\n2" == message_text(MESSAGES[3])


def test_tokens_include_the_frame() -> None:
    assert message_tokens(MESSAGES[1]) == text_tokens("Hello") + MESSAGE_TOKENS


def test_an_exact_turn_gives_the_same_message_back() -> None:
    turns = [to_exact_turn(message, str(message.id)) for message in MESSAGES]
    assert [from_exact_turn(recalled(turn)) for turn in turns] == MESSAGES
    assert [turn.text.startswith(JSON_PREFIX) for turn in turns] == [False, False, True, True, True]


def test_faded_json_comes_back_as_text() -> None:
    faded: Any = Recalled("\ufffd half", JSON_PREFIX + '{"type": "hu')
    assert from_exact_turn(faded) == HumanMessage("\ufffd half", id="k")
    faded = Recalled(JSON_PREFIX + '{"type', JSON_PREFIX + '{"type', role="tool")
    assert from_exact_turn(faded) == HumanMessage('{"type', id="k")


def test_keys_stay_the_same_while_a_conversation_grows() -> None:
    messages = [HumanMessage("yes"), HumanMessage("yes"), HumanMessage("yes", id="own")]
    keys = message_keys(messages)
    assert keys[2] == "own"
    assert len(set(keys)) == 3
    assert message_keys([*messages, AIMessage("no")])[:3] == keys
