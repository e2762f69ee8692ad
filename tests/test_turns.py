"""Turns and scopes are checked at the edge."""

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from optimem.errors import InputError, ScopeError, TextError
from optimem.memory.decay import DecayPolicy
from optimem.turns import MESSAGE_ROLES, ROLES, Scope, Turn, as_turns, checked_text


def test_a_turn_without_an_id_is_known_by_its_content() -> None:
    assert Turn(text="a", time=1).key == Turn(text="a", time=1).key
    keys = {Turn(text=t, role=r).key for t, r in [("a", "user"), ("a", "tool"), ("b", "user")]}
    assert len(keys) == 3
    assert Turn(text="a", id="m1").key == "m1"


def test_turns_can_be_members_of_sets() -> None:
    calls = {"tool_calls": [{"id": "c1"}]}
    assert len({Turn(text="a"), Turn(text="a"), Turn(text="a", extra=calls)}) == 2


@pytest.mark.parametrize("text", ["a\udfff", "a\ud800b"])
def test_what_is_no_text_is_named(text: str) -> None:
    with pytest.raises(TextError, match="character 1 is U\\+"):
        checked_text(text)
    with pytest.raises(TextError):
        Turn(text=text)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(InputError, match="content='b'"):
        Turn.model_validate({"text": "a", "content": "b"})


@pytest.mark.parametrize("text", ["s", "u/s", "n/u/s", "n//s"])
def test_scopes_come_back(text: str) -> None:
    assert str(Scope.parse(text)) == text


@pytest.mark.parametrize("text", ["", "a/", "a/b/c/d"])
def test_no_scope(text: str) -> None:
    with pytest.raises(ScopeError, match="namespace/user/session"):
        Scope.parse(text)


def test_turns_are_one_or_several_in_any_form() -> None:
    hello = Turn(text="hello")
    for given in ("hello", hello, {"text": "hello"}, {"content": "hello"}, HumanMessage("hello")):
        assert as_turns(given) == as_turns([given]) == as_turns(iter([given])) == [hello]
    assert as_turns([]) == []


def message(role: str, content: Any, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


@pytest.mark.parametrize(
    ("given", "role", "text"),
    [
        (message("user", "hi"), "user", "hi"),
        (message("assistant", "hi"), "assistant", "hi"),
        (message("system", "hi"), "system", "hi"),
        (message("developer", "hi"), "system", "hi"),
        (message("tool", "hi", tool_call_id="c1"), "tool", "hi"),
        (message("human", "hi"), "user", "hi"),
        (message("ai", "hi", name="Ann"), "assistant", "hi"),
        ({"type": "human", "content": "hi"}, "user", "hi"),
        ({"content": "hi"}, "user", "hi"),
        (message("user", ["a", {"type": "text", "text": "b\n"}]), "user", "ab\n"),
        (message("user", [{"type": "input_text", "text": "b"}]), "user", "b"),
        (message("user", ""), "user", ""),
        (SimpleNamespace(role="assistant", content="hi", tool_calls=None), "assistant", "hi"),
        (HumanMessage("hi"), "user", "hi"),
        (AIMessage([{"type": "text", "text": "hi"}]), "assistant", "hi"),
        (SystemMessage("hi"), "system", "hi"),
        (ToolMessage("hi", tool_call_id="c1"), "tool", "hi"),
    ],
)
def test_messages_are_turns(given: Any, role: str, text: str) -> None:
    (turn,) = as_turns(given)
    assert (turn.role, turn.text) == (role, text)


def test_a_message_keeps_its_id_and_time() -> None:
    assert as_turns(HumanMessage("hi", id="m1")) == [Turn(text="hi", id="m1")]
    (turn,) = as_turns(message("user", "hi", id="m2", time=5))
    assert (turn.id, turn.time) == ("m2", 5)
    assert as_turns(HumanMessage("hi"))[0].key == Turn(text="hi").key


def test_tool_calls_follow_the_text_of_their_message() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"é": 1}'}}
    (openai,) = as_turns(message("assistant", None, tool_calls=[call]))
    assert openai == Turn(role="assistant", text='[calls f({"é": 1})]')
    tool_call = {"name": "f", "args": {"é": 1}, "id": "c1"}
    (langchain,) = as_turns(AIMessage("Looking.", tool_calls=[tool_call]))
    assert langchain == Turn(role="assistant", text='Looking.\n[calls f({"é": 1})]')


@pytest.mark.parametrize("role", [*ROLES, *MESSAGE_ROLES])
def test_a_message_may_name_our_roles_and_those_of_apis(role: str) -> None:
    (turn,) = as_turns(message(role, "hi"))
    assert turn.role == (role if role in ROLES else MESSAGE_ROLES[role])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"text": 5}, "text=5"),
        ({"text": "a", "role": "king"}, "role='king'"),
        ({}, "text: field required"),
        ({"text": "a", "txt": "a"}, "txt='a'"),
        (message("king", "a"), "role is 'king'; use one of system, user"),
        (message("user", None), "content is None; give a string or a list of text blocks"),
        (message("user", 5), "content is 5; give a string"),
        (message("user", [{"type": "image_url", "image_url": {}}]), "type 'image_url', which is "),
        (message("user", [{"type": "image", "base64": "…"}]), "append an image with append_file"),
        (message("user", [5]), "a block of type 'int'"),
        (message("user", "hi", id=5.5), "id=5.5"),
        (5, "give a string, a dict"),
        ([["hi"]], "give a string, a dict"),
        (b"hi", "give a string, a dict"),
        (Path("a.pdf"), "'a.pdf' is a path; append a file with append_file"),
        (["hi", Path("a.pdf")], "append_file"),
    ],
)
def test_what_is_no_turn_is_named_with_the_remedy(given: Any, says: str) -> None:
    with pytest.raises(InputError) as raised:
        as_turns(given)
    assert says in str(raised.value)
    assert "pydantic" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_text_in_a_message_is_checked_too() -> None:
    with pytest.raises(TextError, match="character 1 is U\\+D800"):
        as_turns(message("user", [{"type": "text", "text": "a\ud800"}]))


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: Scope(session=""), ScopeError, "is not a scope: session='': "),
        (lambda: Scope(session="s", user="x" * 513), ScopeError, "at most 512 characters"),
        (lambda: Scope.parse("x" * 513), ScopeError, "at most 512 characters"),
        (lambda: Scope.parse(5), ScopeError, "5 is not a scope; write namespace/user/session"),
        (lambda: Scope(session="s", city="x"), ScopeError, "city='x'"),
        (lambda: Turn(text=5), InputError, "is not a turn: text=5: "),
        (lambda: Turn.model_validate("a"), InputError, "'a' is not a turn"),
        (lambda: DecayPolicy(floor=2), InputError, "is not a decay policy: floor=2: "),
        (lambda: DecayPolicy(large=9e9), InputError, "ages must grow"),
    ],
)
def test_values_raise_errors_of_ours(make: Any, error: type[InputError], says: str) -> None:
    with pytest.raises(error) as raised:
        make()
    assert says in str(raised.value)
    assert "pydantic" not in str(raised.value)


def test_equal_turns_are_one_in_a_set() -> None:
    one, other = (Turn(text="a", extra={"n": [1]}) for _ in range(2))
    assert len({one, other, Turn(text="a"), Turn(text="a", extra={"n": [2]})}) == 3


def test_a_turn_names_its_speaker_in_every_form() -> None:
    given = [
        Turn(text="a", name=" Ann "),
        {"text": "a", "name": "Ann"},
        message("user", "a", name="Ann"),
    ]
    assert [turn.name for turn in as_turns(given)] == ["Ann"] * 3
    assert [turn.name for turn in as_turns([Turn(text="a", name=""), "a"])] == [None, None]
    keys = {Turn(text="a").key, Turn(text="a", name="Ann").key, Turn(text="a", name="Ben").key}
    assert len(keys) == 3


@pytest.mark.parametrize("name", ["Ann\n[assistant]:", "x" * 129, "\ud800", "a\u2028b", 5])
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(InputError, match=r"name|surrogate"):
        Turn(text="a", name=name)


def test_times_and_ids_are_taken_in_every_form() -> None:
    utc = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    times = [utc, utc.replace(tzinfo=None), "2023-05-08T13:56", "2023-05-08T15:56+02:00",
             "2023-05-08 13:56Z", utc.timestamp(), str(utc.timestamp())]  # fmt: skip
    assert {Turn(text="a", time=time).time for time in times} == {utc.timestamp()}
    assert Turn(text="a", time="2023-05-08").time == Turn(text="a", time=date(2023, 5, 8)).time
    assert [Turn(text="a", id=id).id for id in (7, "7")] == ["7", "7"]


@pytest.mark.parametrize("time", ["yesterday", "2023-13-01", "", "nan", float("inf")])
def test_what_is_no_time_is_refused(time: Any) -> None:
    with pytest.raises(InputError, match="time="):
        Turn(text="a", time=time)
