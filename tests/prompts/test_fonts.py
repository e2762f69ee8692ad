"""Messages with characters that no font covers stay text."""

from typing import Any

import pytest

from optimem.api.prompts import compress_prompt
from optimem.errors import NoGainError

LONG = "The boats came in at dawn and were counted twice. " * 100


def chat(*texts: str) -> list[dict[str, Any]]:
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]


def test_a_message_that_no_font_covers_stays_text_after_the_pages() -> None:
    messages = chat(LONG, "𓀀𓁀", "𒀀𒀁", LONG, LONG, "and now?")
    made = compress_prompt(messages, model="gpt-4o")
    assert made.messages[1:] == [*messages[1:3], messages[-1]]
    assert "Some of them follow as text" in made.messages[0]["content"][0]["text"]
    assert (made.plan.as_text, made.plan.undrawable) == (2, ("Cuneiform", "Egyptian"))
    assert "2 messages stay text (no font covers Cuneiform, Egyptian)" in made.plan.summary()


def test_a_tool_call_stays_with_a_result_that_no_font_covers() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    tools = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "𓀀 𓁀"},
    ]
    messages = [*chat(LONG, LONG), *tools, *chat(LONG, LONG, "and now?")]
    made = compress_prompt(messages, model="gpt-4o")
    assert made.messages[1:] == [*tools, messages[-1]]
    assert made.plan.as_text == 2


def test_the_oldest_are_left_out_whether_drawn_or_text() -> None:
    messages = chat("𓀀𓁀", *[LONG] * 40, "and now?")
    made = compress_prompt(messages, model="gpt-4o", budget=3000, leave_out=True)
    assert made.plan.tokens_after <= 3000
    assert messages[0] not in made.messages
    assert made.plan.tokens_before == compress_prompt(messages, model="gpt-4o").plan.tokens_before


@pytest.mark.parametrize("prompt", [LONG + "𓀀", chat(LONG + "𓀀", LONG + "𓀀", "and now?")])
def test_what_no_font_covers_at_all_is_refused_by_name(prompt: Any) -> None:
    with pytest.raises(NoGainError, match=r"no characters for Egyptian; send the text"):
        compress_prompt(prompt, model="gpt-4o")
