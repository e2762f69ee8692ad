"""Sizes that a user gives, triggers, and where a conversation may be cut."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from benchmarks.agents.runs import find_orphans
from optimem.adapters.conversation import read_conversation
from optimem.errors import InputError
from optimem.planning.boundary import History
from optimem.planning.sizes import Kept, Reached, absolute_size, parse_size, parse_trigger


@st.composite
def conversations(draw: st.DrawFn) -> list[AnyMessage]:
    """Random conversations with calls of several tools at once."""
    messages: list[AnyMessage] = []
    for turn in range(draw(st.integers(0, 8))):
        messages.append(HumanMessage(f"h{turn}", id=f"h{turn}"))
        for step in range(draw(st.integers(0, 3))):
            ids = [f"{turn}-{step}-{i}" for i in range(draw(st.integers(1, 3)))]
            calls = [{"name": "add", "args": {}, "id": each} for each in ids]
            messages.append(AIMessage("", tool_calls=calls, id=f"a{turn}-{step}"))
            messages += [ToolMessage("r", tool_call_id=each) for each in draw(st.permutations(ids))]
        messages.append(AIMessage("done", id=f"d{turn}"))
    return messages


@settings(max_examples=150, deadline=None)
@given(conversations(), st.integers(1, 12), st.sampled_from(["messages", "tokens"]))
def test_no_cut_parts_a_call_from_its_results(
    messages: list[AnyMessage], keep: int, unit: str
) -> None:
    talk = read_conversation(messages, "")
    cut = talk.history.safe_cut(Kept((unit, keep))(talk.history, len(messages)))
    assert find_orphans(messages[cut:]) == []
    assert find_orphans(messages[:cut]) == []
    if unit == "messages":
        assert len(messages) - cut >= min(keep, len(messages))


def test_triggers_are_all_of_a_dict_and_any_of_a_list() -> None:
    assert parse_trigger([("messages", 5), {"tokens": 100, "messages": 2}]) == [
        [("messages", 5.0)],
        [("tokens", 100.0), ("messages", 2.0)],
    ]


@pytest.mark.parametrize("trigger", [[], {}, [{}], ("pages", 3), [("messages", 1), 5]])
def test_an_invalid_trigger_is_named(trigger: Any) -> None:
    with pytest.raises(InputError, match="trigger="):
        parse_trigger(trigger)


@pytest.mark.parametrize(
    "size", [5, ("messages", 0), ("tokens", "many"), ("fraction", 1.5), ("messages", 1, 2), None]
)
def test_an_invalid_size_is_named(size: object) -> None:
    with pytest.raises(InputError, match=r"keep=.* is not a size"):
        parse_size(size, name="keep")


def history(*texts: str) -> History:
    return read_conversation([HumanMessage(text) for text in texts], "").history


def test_a_size_is_reached_in_messages_or_tokens() -> None:
    talk = history(*["one two three"] * 4)
    assert talk.totals[-1] == 28
    for unit, least in (("messages", 4), ("tokens", 28)):
        assert Reached([[(unit, least)]])(talk, 0, 4)
        assert not Reached([[(unit, least + 1)]])(talk, 0, 4)
        assert not Reached([[(unit, least)]])(talk, 1, 4)
    assert not Reached([[("messages", 4), ("tokens", 29)]])(talk, 0, 4)
    assert Reached([[("messages", 9)], [("tokens", 28)]])(talk, 0, 4)


def test_a_fraction_is_of_what_the_model_takes() -> None:
    assert absolute_size(("fraction", 0.25), 100, "m") == ("tokens", 25)
    with pytest.raises(InputError, match=r"GPT-9 has no max_input_tokens.*give \('tokens', n\)"):
        absolute_size(("fraction", 0.5), None, "GPT-9")


def test_the_last_message_stays_whatever_its_length() -> None:
    talk = history(*["word " * 50] * 3)
    assert Kept(("tokens", 1))(talk, 3) == 2
    assert Kept(("tokens", 1))(history(), 0) == 0
