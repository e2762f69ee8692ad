"""A prompt split into what stays and what is drawn, and what each part costs."""

from typing import Any

import pytest

from optimem.errors import InputError, NoGainError
from optimem.prompts import rule_for
from optimem.prompts.draft import MESSAGE_TOKENS, PromptDraft, draft_prompt
from optimem.prompts.forms import FORMS


def words(text: str) -> int:
    return len(text.split())


def draft(prompt: Any, **options: Any) -> PromptDraft:
    defaults = {"keep": 1, "question": "", "form": None, "count": words}
    return draft_prompt(prompt, rule_for("claude-opus-5"), **{**defaults, **options})


def conversation(*texts: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "be brief"}] + [
        {"role": "user", "content": text} for text in texts
    ]


def test_messages_are_split_at_both_ends_and_counted() -> None:
    messages = conversation("one two", "three", "", "four five six")
    made = draft(messages, question="how many then?")
    assert made.before == messages[:1]
    assert [turn.text for turn in made.turns] == ["one two", "three"]
    assert made.after == messages[-1:]
    assert made.drawn_tokens == 3 + 3 * MESSAGE_TOKENS
    assert made.kept_tokens == 2 + 3 + 3 + 2 * MESSAGE_TOKENS
    assert made.tokens == made.drawn_tokens + made.kept_tokens
    assert made.form is FORMS["openai"]  # Anthropic has no role "system"
    assert not made.is_text


def test_a_text_is_drawn_whole_in_the_form_of_the_provider() -> None:
    made = draft("one two three", question="how many?")
    assert (made.before, made.after) == ([], [])
    assert [(turn.text, turn.role) for turn in made.turns] == [("one two three", "text")]
    assert (made.kept_tokens, made.drawn_tokens) == (2, 3 + MESSAGE_TOKENS)
    assert made.form is FORMS["anthropic"]
    assert draft("one", form="gemini").form is FORMS["gemini"]


def test_the_halves_are_of_about_the_same_length() -> None:
    made = draft(conversation("a" * 100, "b" * 10, "c" * 10, "d" * 90, "last"))
    assert [[turn.text[0] for turn in half] for half in made.halves] == [["a"], ["b", "c", "d"]]
    assert len(draft(conversation("only", "last")).halves) == 1
    assert len(draft("text " * 100).halves) == 1


@pytest.mark.parametrize("prompt", ["", " \n", [], conversation("last"), conversation("", "last")])
def test_nothing_to_draw_is_refused(prompt: Any) -> None:
    with pytest.raises(NoGainError, match=r"none can become a page|prompt is empty"):
        draft(prompt)


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [("text", {"form": "xml"}, "form 'xml' is unknown"),
     (conversation("a", "b"), {"keep": -1}, "keep=-1 is negative"),
     ([42], {}, "42 is not a message")],
)  # fmt: skip
def test_invalid_arguments_are_named(prompt: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draft(prompt, **options)
