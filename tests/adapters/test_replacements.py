"""What replaces old messages: recalled turns, pages, or nothing, and which is best."""

from types import SimpleNamespace

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from optimem import OpticalMemory
from optimem.adapters.messages import message_keys, message_tokens, to_turns
from optimem.adapters.replacements import (
    NOTHING_RECALLED,
    PAGE_STEP,
    Replacement,
    best_replacement,
    image_rule,
    last_question,
    replace_by_pages,
    replace_by_recall,
    unchanged,
)
from optimem.errors import ImageSupportError, ProviderError
from optimem.prompts import rule_for
from tests.adapters.agents import history, images

FACT = HumanMessage("The vault code is 7261-QX.", id="fact")


def remembered(memory: OpticalMemory, messages: list[AnyMessage]) -> list[AnyMessage]:
    memory.append("s", to_turns(messages, message_keys(messages)))
    return messages


def test_the_best_is_certain_first_then_cheap() -> None:
    certain, dear = Replacement([], 10, True), Replacement([], 20, True)
    vague = Replacement([], 1, False)
    assert best_replacement([dear, vague, certain]) is certain
    assert best_replacement([vague, Replacement([], 2, False)]) is vague


def test_unchanged_messages_cost_what_they_are() -> None:
    messages = history(6)
    same = unchanged(messages, 4)
    assert same.messages == messages
    assert same.tokens == sum(map(message_tokens, messages[:4]))
    assert same.certain


def test_recalled_turns_stand_before_the_messages_that_stay(memory: OpticalMemory) -> None:
    messages = remembered(memory, [FACT, *history(6), HumanMessage("What is the vault code?")])
    found = replace_by_recall(memory, "s", messages, 5, budget=100, k=3)
    assert "7261-QX" in found.messages[0].text
    assert found.messages[1:] == messages[5:]
    assert found.certain
    assert 0 < found.tokens < sum(map(message_tokens, messages[:5]))


def test_turns_that_stay_are_not_recalled_again(memory: OpticalMemory) -> None:
    messages = remembered(memory, [*history(4), FACT, HumanMessage("What is the vault code?")])
    found = replace_by_recall(memory, "s", messages, 4, budget=100, k=3)
    assert found.messages[0].text == NOTHING_RECALLED
    assert found.messages[1] is FACT


def test_pages_stand_before_the_messages_that_stay() -> None:
    messages = history(25)
    shown = replace_by_pages(messages, 23, 4000, rule_for("gpt-4o"))
    assert shown is not None
    assert images(shown.messages[:1])
    assert shown.messages[1:] == messages[2 * PAGE_STEP :]
    assert shown.tokens < sum(map(message_tokens, messages[: 2 * PAGE_STEP]))


def test_pages_are_not_certain_without_the_oldest_messages() -> None:
    shown = replace_by_pages(history(60), 50, 800, rule_for("gpt-4o"))
    assert shown is not None
    assert "still older messages are left out" in shown.messages[0].text
    assert not shown.certain


def test_pages_that_save_nothing_are_not_made() -> None:
    assert replace_by_pages(history(25), 5, 4000, rule_for("gpt-4o")) is None
    assert replace_by_pages(history(25), 20, 4000, rule_for("gpt-4o-mini")) is None
    assert replace_by_pages(history(25), 20, 10, rule_for("gpt-4o")) is None


def test_the_rule_is_that_of_the_model_or_of_the_one_named() -> None:
    assert image_rule(SimpleNamespace(model_name="gpt-4o"), None) == rule_for("gpt-4o")
    assert image_rule(SimpleNamespace(model="claude-opus-5"), None) == rule_for("claude-opus-5")
    assert image_rule(SimpleNamespace(), "gpt-5.5") == rule_for("gpt-5.5")
    own = rule_for("gpt-4o").corrected(2.0, "2026-12-01")
    assert image_rule(SimpleNamespace(), own) is own
    with pytest.raises(ProviderError, match="SimpleNamespace"):
        image_rule(SimpleNamespace(), None)
    with pytest.raises(ImageSupportError, match="use mode='recall'"):
        image_rule(SimpleNamespace(profile={"image_inputs": False}), own)


def test_the_question_is_what_a_human_said_last() -> None:
    assert last_question([FACT, AIMessage("Noted.")]) == FACT.text
    assert last_question([AIMessage("Hello"), AIMessage("Anybody?")]) == "Anybody?"
