"""The form of messages, whichever model they go to; and tool calls that stay with their results in
every form."""

from typing import Any

import pytest
from anthropic.types import Message as AnthropicMessage
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from openai.types.chat import ChatCompletionMessage
from openai.types.responses import ResponseFunctionToolCall, ResponseReasoningItem

from optimem.errors import InputError, NoGainError
from optimem.prompts.draft import PromptDraft, draft_prompt
from optimem.prompts.forms import FORMS
from optimem.prompts.recognition import choose_form, find_form, plain
from optimem.prompts.rules import rule_for
from tests.prompts.test_forms import CALL

MODELS = ("gpt-4o", "claude-opus-4-8", "gemini-2.5-pro")
SDK_CALL: dict[str, list[Any]] = {
    "openai": [
        {"role": "user", "content": "when?"},
        ChatCompletionMessage.model_validate({
            "role": "assistant",
            "tool_calls": [{
                "id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}
            }],
        }),
        {"role": "tool", "tool_call_id": "c1", "content": "at noon"},
    ],
    "responses": [
        {"role": "user", "content": "when?"},
        ResponseReasoningItem(id="r1", summary=[], type="reasoning"),
        ResponseFunctionToolCall(
            arguments="{}", call_id="c1", name="look", type="function_call"
        ),
        {"type": "function_call_output", "call_id": "c1", "output": "at noon"},
    ],
    "anthropic": [
        {"role": "user", "content": "when?"},
        AnthropicMessage.model_validate({
            "id": "m", "type": "message", "role": "assistant", "model": "claude-opus-4-8",
            "content": [{"type": "tool_use", "id": "c1", "name": "look", "input": {}}],
            "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1},
        }),
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": "at noon"}
        ]},
    ],
}  # fmt: skip


def words(text: str) -> int:
    return len(text.split())


def draft(messages: list[Any], model: str = "gpt-4o", keep: int = 1) -> PromptDraft:
    return draft_prompt(messages, rule_for(model), keep=keep, question="", form=None, count=words)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", CALL)
def test_the_form_is_told_from_the_messages_whatever_the_model(name: str, model: str) -> None:
    assert draft([*CALL[name], CALL[name][0]], model).form is FORMS[name]


@pytest.mark.parametrize("keep", range(4))
@pytest.mark.parametrize("name", SDK_CALL)
def test_objects_of_the_sdks_are_read_and_handed_back_as_they_came(name: str, keep: int) -> None:
    messages = [{"role": "user", "content": "hello"}, *SDK_CALL[name]]
    made = draft(messages, keep=keep)
    assert made.form is FORMS[name]
    assert all(one is other for one, other in zip(made.after[::-1], messages[::-1], strict=False))
    calls = [turn for turn in made.turns if "[calls look" in turn.text]
    results = [turn for turn in made.turns if "at noon" in turn.text]
    assert len(calls) == len(results) == (keep == 0)


def test_objects_inside_of_a_dict_are_read() -> None:
    content = SDK_CALL["anthropic"][1].content
    read = plain({"role": "assistant", "content": content})
    assert read["content"][0]["id"] == "c1"


def test_dicts_with_text_alone_have_the_form_of_the_provider() -> None:
    messages = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    forms = [choose_form(messages, provider) for provider in ("openai", "anthropic", "gemini")]
    assert forms == [FORMS["openai"], FORMS["anthropic"], FORMS["openai"]]
    assert choose_form(messages, "openai", "responses") is FORMS["responses"]
    system = [{"role": "system", "content": "be brief"}, *messages]
    assert choose_form(system, "anthropic") is FORMS["openai"]


@pytest.mark.parametrize("first", CALL)
@pytest.mark.parametrize("second", CALL)
def test_two_forms_in_one_prompt_are_named(first: str, second: str) -> None:
    messages = CALL[first] + CALL[second]
    if first == second or {first, second} == {"openai", "langchain"}:
        assert choose_form(messages, "openai") is FORMS[min(first, second)]
    else:
        with pytest.raises(InputError, match=f"mix two forms: message .*{first}.*{second}"):
            choose_form(messages, "openai")


def test_another_form_than_the_messages_have_is_refused() -> None:
    for name in CALL:
        other = "gemini" if name != "gemini" else "openai"
        with pytest.raises(InputError, match=f"these are '{name}' messages, not '{other}'"):
            choose_form(CALL[name], "openai", other)


@pytest.mark.parametrize(
    "messages", [[42], [{"content": "no role"}], [{"role": "nobody", "content": "x"}], [object()]]
)
def test_an_invalid_message_is_named(messages: list[Any]) -> None:
    with pytest.raises(InputError, match=r"not a message|role 'nobody' is unknown"):
        [choose_form(messages, "openai").parse(message) for message in messages]


def test_an_unknown_form_is_named() -> None:
    with pytest.raises(InputError, match="form 'xml' is unknown; choose one of openai, responses"):
        find_form("xml")


def call(form: str, key: str) -> Any:
    """A message that calls a tool, in the given form."""
    return {
        "openai": {"role": "assistant", "content": None, "tool_calls": [
            {"id": key, "type": "function", "function": {"name": "look", "arguments": "{}"}}
        ]},
        "responses": {"type": "function_call", "call_id": key, "name": "look", "arguments": "{}"},
        "anthropic": {"role": "assistant", "content": [
            {"type": "tool_use", "id": key, "name": "look", "input": {}}
        ]},
        "gemini": {"role": "model", "parts": [{"functionCall": {"id": key, "name": "look"}}]},
        "langchain": AIMessage("", tool_calls=[{"id": key, "name": "look", "args": {}}]),
    }[form]  # fmt: skip


def result(form: str, key: str) -> Any:
    """A message that answers a call, in the given form."""
    return {
        "openai": {"role": "tool", "tool_call_id": key, "content": "noon"},
        "responses": {"type": "function_call_output", "call_id": key, "output": "noon"},
        "anthropic": {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": key, "content": "noon"}
        ]},
        "gemini": {"role": "user", "parts": [
            {"functionResponse": {"id": key, "name": "look", "response": {}}}
        ]},
        "langchain": ToolMessage("noon", tool_call_id=key),
    }[form]  # fmt: skip


def said(form: str) -> Any:
    if form == "gemini":
        return {"role": "user", "parts": [{"text": "hello"}]}
    return HumanMessage("hello") if form == "langchain" else {"role": "user", "content": "hello"}


@st.composite
def conversations(draw: st.DrawFn) -> tuple[str, list[Any], list[set[str]], list[set[str]], int]:
    """A form, messages in it with the ids that each calls and answers, and how many to keep.
    Parallel calls are answered in any order, some never."""
    form = draw(st.sampled_from(sorted(FORMS)))
    messages, calls, results = [said(form)], [set[str]()], [set[str]()]
    waiting: list[str] = []
    for number in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["call", "result", "said"]))
        key = f"c{number}"
        if kind == "result" and waiting:
            key = waiting.pop(draw(st.integers(0, len(waiting) - 1)))
            messages.append(result(form, key))
        elif kind == "call":
            waiting.append(key)
            messages.append(call(form, key))
        else:
            messages.append(said(form))
        calls.append({key} if kind == "call" else set())
        results.append({key} if messages[-1] == result(form, key) else set())
    return form, messages, calls, results, draw(st.integers(0, len(messages)))


@given(conversations(), st.sampled_from(MODELS))
def test_no_call_is_parted_from_its_result(
    conversation: tuple[str, list[Any], list[set[str]], list[set[str]], int], model: str
) -> None:
    _, messages, calls, results, keep = conversation
    try:
        made = draft(messages, model, keep)
    except NoGainError:  # nothing to draw
        return
    at = len(messages) - len(made.after)
    assert made.after == messages[at:]
    drawn_calls, kept_results = set().union(*calls[:at]), set[str]().union(*results[at:])
    assert not drawn_calls & kept_results
    assert drawn_calls == set().union(*results[:at])
