"""Old messages give way to what matters of them, in every API's form, and what was sent is sent
again byte for byte."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from optimem import OpticalMemory
from optimem.proxy.shortening import Shortened, Shortener
from optimem.testing import ManualClock, open_memory
from tests.proxy.talks import BY_FORM, FACT, LONG, asked, body_of, exchanges, said

FORMS = ("openai", "responses", "anthropic")


@pytest.fixture
def memory() -> Iterator[OpticalMemory]:
    with open_memory(clock=ManualClock()) as opened:
        yield opened


def shorten(memory: OpticalMemory, form: str, count: int, mode: str = "recall") -> Shortened:
    found = Shortener(memory, memory.clock).shorten(
        asked(form, body_of(form, exchanges(count)), mode)
    )
    assert found
    return found


def messages_of(form: str, data: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(data)[BY_FORM[form].field]
    return found


@pytest.mark.parametrize("form", FORMS)
def test_what_matters_of_old_messages_is_sent(memory: OpticalMemory, form: str) -> None:
    given = body_of(form, exchanges(LONG))
    done = shorten(memory, form, LONG)
    sent = messages_of(form, done.body)
    assert done.tally.shortened
    assert len(sent) < LONG
    assert FACT in json.dumps(sent[:-1])
    assert sent[-1] == messages_of(form, json.dumps(given).encode())[-1]
    others = {name: value for name, value in json.loads(done.body).items() if value != sent}
    assert others == {name: given[name] for name in others}
    assert len(others) == len(given) - 1


@pytest.mark.parametrize("form", FORMS)
def test_a_short_conversation_goes_as_it_came(memory: OpticalMemory, form: str) -> None:
    body = body_of(form, exchanges(3))
    done = Shortener(memory, memory.clock).shorten(asked(form, body))
    assert done
    assert done.body == json.dumps(body).encode()
    assert not done.tally.shortened


def test_each_request_begins_with_the_one_before_and_never_costs_more(
    memory: OpticalMemory,
) -> None:
    """60 calls; after the first half another process takes over."""
    before: list[dict[str, Any]] = []
    kept = calls = 0
    cost = [0.0, 0.0]
    whole = [{**m, "content": m["content"][:1500]} for m in exchanges(60)]
    shortener = Shortener(memory, memory.clock)
    for count in range(1, 61):
        if count == 40:
            shortener = Shortener(memory, memory.clock)
        messages = whole[: 2 * count - 1]
        done = shortener.shorten(asked("openai", body_of("openai", messages)))
        assert done
        sent = messages_of("openai", done.body)
        kept, calls, before = kept + (sent[: len(before)] == before), calls + 1, sent
        cost = [cost[0] + done.tally.cost_before, cost[1] + done.tally.cost_after]
        assert cost[1] <= cost[0] * 1.001
        if count == 40:
            assert done.tally.shortened
    assert kept / calls > 0.95
    assert cost[1] < 0.8 * cost[0]


def test_pages_stand_for_old_messages(memory: OpticalMemory) -> None:
    given = asked("openai", body_of("openai", exchanges(LONG)) | {"model": "gpt-4o"}, "image")
    done, again = (Shortener(memory, memory.clock).shorten(given) for _ in range(2))
    assert done
    assert again
    sent = messages_of("openai", done.body)
    assert [block["type"] for block in sent[1]["content"]].count("image_url") > 0
    assert done.tally.after.tokens < done.tally.before.tokens / 2
    assert done.body == again.body


def test_a_model_that_reads_no_images_gets_its_messages(memory: OpticalMemory) -> None:
    body = body_of("openai", exchanges(LONG)) | {"model": "deepseek-chat"}
    done = Shortener(memory, memory.clock).shorten(asked("openai", body, "image"))
    assert done
    assert done.body == json.dumps(body).encode()


def test_no_key_and_no_conversation_sees_another(memory: OpticalMemory) -> None:
    """Not of another namespace or key, nor by another name; and one that shares all of these, and
    even the question, is told nothing of another's that begins otherwise."""
    shortener = Shortener(memory, memory.clock)
    mine = {"namespace": "work", "key": "sk-mine", "conversation": "c"}
    shortener.shorten(asked("openai", body_of("openai", exchanges(LONG)), **mine))
    others = [said(number) for number in range(100, 100 + LONG)]
    for changed in ({"namespace": "home"}, {"key": "sk-yours"}, {"conversation": "d"}, {}):
        messages = exchanges(LONG)
        for message, text in zip(messages[:-1:2], others, strict=True):
            message["content"] = text
        done = shortener.shorten(asked("openai", body_of("openai", messages), **(mine | changed)))
        assert done
        assert done.tally.shortened
        assert "7261" not in done.body.decode()


def test_a_key_is_in_no_byte_of_the_store(memory: OpticalMemory) -> None:
    shortener = Shortener(memory, memory.clock)
    shortener.shorten(asked("openai", body_of("openai", exchanges(LONG)), key="sk-very-secret"))
    memory.drain()  # or entries leave while they are listed
    for scope in memory.store.scopes():
        assert "very" not in str(scope)
        for info in memory.store.entries(scope):
            (entry,) = memory.store.get(scope, [info.key])
            assert entry
            assert b"sk-very" not in entry.value


@pytest.mark.parametrize(
    "text", ['{"messages": "x", "model": "m"}', '{"messages": [], "model": 1}']
)
def test_what_holds_no_conversation_is_nothing_to_shorten(memory: OpticalMemory, text: str) -> None:
    given = asked("openai", {})._replace(body=text.encode())
    assert Shortener(memory, memory.clock).shorten(given) is None


def test_claude_without_marks_is_priced_without_a_cache(memory: OpticalMemory) -> None:
    body = body_of("anthropic", exchanges(LONG)) | {"system": "Be brief."}
    shortener = Shortener(memory, memory.clock)
    for _ in range(2):
        done = shortener.shorten(asked("anthropic", body))
        assert done
        assert done.tally.before.cached == done.tally.after.cached == 0
        assert done.tally.cost_before == done.tally.before.tokens
