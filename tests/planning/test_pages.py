"""Pages in place of old messages: when they pay, what they show, and by which price rule."""

from types import SimpleNamespace

import pytest

from optimem.adapters.conversation import read_conversation, write_messages
from optimem.adapters.pages import image_rule
from optimem.errors import ImageSupportError, ProviderError
from optimem.planning.conversation import Conversation
from optimem.planning.pages import draw_pages
from optimem.prompts import rule_for
from tests.adapters.agents import history, images


def talk(count: int) -> Conversation:
    return read_conversation(history(count), "message:")


def test_pages_cost_less_than_the_messages_they_show() -> None:
    pages = draw_pages(talk(25), 20, 4000, rule_for("gpt-4o"))
    assert pages is not None
    assert images(write_messages(talk(25), pages.parts))
    assert pages.tokens < talk(25).history.between(0, 20)


def test_pages_are_not_certain_without_the_oldest_messages() -> None:
    pages = draw_pages(talk(60), 50, 800, rule_for("gpt-4o"))
    assert pages is not None
    assert "still older messages are left out" in write_messages(talk(60), pages.parts)[0].text
    assert not pages.certain


def test_pages_that_save_nothing_are_not_made() -> None:
    assert draw_pages(talk(25), 2, 4000, rule_for("gpt-4o")) is None
    assert draw_pages(talk(25), 20, 4000, rule_for("gpt-4o-mini")) is None
    assert draw_pages(talk(25), 20, 10, rule_for("gpt-4o")) is None


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
