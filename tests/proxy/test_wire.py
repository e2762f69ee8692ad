"""A body with its messages as they stand in it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimem.proxy.wire import find_api, parse_body

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
MESSAGES = st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), max_size=4)
SPACE = st.sampled_from([None, 0, 3])


@settings(max_examples=80, deadline=None)
@given(MESSAGES, st.dictionaries(st.text(max_size=9), VALUES, max_size=3), SPACE, st.booleans())
def test_a_body_is_found_as_it_stands(
    messages: list[Any], fields: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    given = {"model": "m", **fields, "messages": messages, "stream": True}
    data = json.dumps(given, indent=indent, ensure_ascii=ascii_only).encode()
    body = parse_body(data, "messages")
    if any(fields.get(name) for name in ("previous_response_id", "conversation")):
        assert body is None
        return
    assert body
    assert body.messages == messages
    assert [json.loads(body.written(i)) for i in range(len(messages))] == messages
    again = json.loads(body.with_messages([body.written(i) for i in range(len(messages))]))
    assert again == given
    assert json.loads(body.with_messages(['{"a":"é"}']))["messages"] == [{"a": "é"}]


def test_what_is_beside_the_messages_stays_to_the_byte() -> None:
    data = b' {"n" : 1.0e0 ,"messages": [ {"x":1} , {"y":"\\u00e9"}],"n":2, "big":1e999}\n'
    body = parse_body(data, "messages")
    assert body
    assert body.with_messages([body.written(1)]) == (
        b' {"n" : 1.0e0 ,"messages": [{"y":"\\u00e9"}],"n":2, "big":1e999}\n'
    )


@pytest.mark.parametrize(
    "data",
    [
        b"[]", b'{"messages": "text"}', b'{"messages": [1]}', b'{"model": "m"}',
        b'{"messages": [], "messages": []}',
        b'{"messages": [], "previous_response_id": "resp_1"}',
    ],
)  # fmt: skip
def test_other_bodies_hold_no_conversation(data: bytes) -> None:
    assert parse_body(data, "messages") is None


@pytest.mark.parametrize("data", [b"", b"{", b'{"messages": [}', b"\xff", b'{"messages": []} x'])
def test_what_is_not_json_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_body(data, "messages")


def test_only_the_conversation_of_a_post_is_planned() -> None:
    assert find_api("POST", b"/v1/chat/completions?x=1")
    assert find_api("POST", b"/v1/messages?beta=true")
    for method, target in (
        ("GET", b"/v1/messages"), ("POST", b"/v1/messages/count_tokens"),
        ("POST", b"/v1/embeddings"), ("POST", b"/v1/responses/resp_1/cancel"),
    ):  # fmt: skip
        assert find_api(method, target) is None
