"""Sizes of conversations, triggers, and where a conversation may be cut."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from benchmarks.agents.runs import find_orphans
from optimem.adapters.messages import message_tokens
from optimem.adapters.sizes import (
    cut_index,
    is_reached,
    parse_size,
    parse_trigger,
    stable_cut_index,
)
from optimem.errors import InputError


class Limited:
    """A model whose profile says how much it takes."""

    profile = {"max_input_tokens": 100}  # noqa: RUF012  as LangChain's models have it


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
    cut = cut_index(messages, (unit, keep), None)
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


def test_a_size_is_reached_in_messages_tokens_or_a_share_of_the_model() -> None:
    messages = [HumanMessage("one two three", id=str(i)) for i in range(4)]
    total = sum(map(message_tokens, messages))
    assert total == 28
    assert is_reached(messages, ("messages", 4), None)
    assert not is_reached(messages, ("messages", 5), None)
    assert is_reached(messages, ("tokens", total), None)
    assert not is_reached(messages, ("tokens", total + 1), None)
    assert is_reached(messages, ("fraction", 0.25), Limited())
    assert not is_reached(messages, ("fraction", 0.5), Limited())


def test_a_fraction_needs_the_size_of_the_model() -> None:
    with pytest.raises(InputError, match=r"object has no max_input_tokens.*give \('tokens', n\)"):
        is_reached([HumanMessage("x")], ("fraction", 0.5), object())


def test_the_last_message_stays_whatever_its_length() -> None:
    messages = [HumanMessage("word " * 50, id=str(i)) for i in range(3)]
    assert cut_index(messages, ("tokens", 1), None) == 2
    assert cut_index([], ("tokens", 1), None) == 0


def test_a_stable_cut_moves_only_every_few_messages() -> None:
    messages = [HumanMessage("x", id=str(i)) for i in range(40)]
    assert [stable_cut_index(messages, cut, 10) for cut in (9, 10, 19, 20, 35)] == [
        0, 10, 10, 20, 30,
    ]  # fmt: skip
