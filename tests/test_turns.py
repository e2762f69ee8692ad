"""Turns and scopes are checked at the edge."""

import pytest
from pydantic import ValidationError

from optimem.errors import ScopeError, TextError
from optimem.turns import Scope, Turn, checked_text


def test_a_turn_without_an_id_is_known_by_its_content() -> None:
    assert Turn(text="a", time=1).key == Turn(text="a", time=1).key
    keys = {Turn(text=t, role=r).key for t, r in [("a", "user"), ("a", "tool"), ("b", "user")]}
    assert len(keys) == 3
    assert Turn(text="a", id="m1").key == "m1"


@pytest.mark.parametrize("text", ["a\0b", "a\ud800"])
def test_what_is_no_text_is_named(text: str) -> None:
    with pytest.raises(TextError, match="character 1 is U\\+"):
        checked_text(text)
    with pytest.raises(TextError):
        Turn(text=text)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError):
        Turn.model_validate({"text": "a", "content": "b"})


@pytest.mark.parametrize("text", ["s", "u/s", "n/u/s", "n//s"])
def test_scopes_come_back(text: str) -> None:
    assert str(Scope.parse(text)) == text


@pytest.mark.parametrize("text", ["", "a/", "a/b/c/d"])
def test_no_scope(text: str) -> None:
    with pytest.raises(ScopeError, match="namespace/user/session"):
        Scope.parse(text)
