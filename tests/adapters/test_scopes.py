"""Whose memory a request uses."""

from types import SimpleNamespace
from typing import Any

import pytest

from optimem.adapters.scopes import find_place
from optimem.errors import ScopeError
from optimem.turns import Scope


def runtime(thread: str | None = "t", context: Any = None, tasks: str = "model:1") -> Any:
    info = SimpleNamespace(thread_id=thread, checkpoint_ns=tasks)
    return SimpleNamespace(execution_info=info, context=context)


def scope(given: Any = None, user: Any = "user_id", **fields: Any) -> Scope | None:
    place = find_place(runtime(**fields), given, user, "shop")
    return place.scope if place else None


def test_without_a_thread_and_a_scope_there_is_none() -> None:
    assert scope(thread=None) is None
    assert scope(thread="") is None
    assert find_place(None, None, "user_id", "") is None
    assert scope(lambda _: None, thread=None) is None


def test_a_thread_is_a_session_of_the_user_that_the_context_names() -> None:
    wanted = Scope(session="t", user="ann", namespace="shop")
    assert scope(context={"user_id": "ann"}) == wanted
    assert scope(context=SimpleNamespace(user_id="ann")) == wanted
    assert scope(user="owner", context={"owner": "ann"}) == wanted
    assert scope(user=lambda runtime: runtime.context.upper(), context="ann") == Scope(
        session="t", user="ANN", namespace="shop"
    )
    assert scope(context={"user_id": None}) == Scope(session="t", namespace="shop")


def test_a_scope_that_is_given_counts_with_or_without_a_thread() -> None:
    assert scope("a/b/c", thread=None) == Scope(namespace="a", user="b", session="c")
    assert scope(lambda _: Scope(session="x")) == Scope(session="x")
    with pytest.raises(ScopeError):
        scope("a/b/c/d")


def test_in_a_scope_that_is_given_each_thread_has_names_of_its_own() -> None:
    one, two = (find_place(runtime(thread), "s", "user_id", "") for thread in ("1", "2"))
    assert one
    assert two
    assert one.key != two.key
    assert one.complete
    bare = find_place(runtime(None), "s", "user_id", "")
    assert bare
    assert not bare.complete


def test_a_subagent_has_a_scope_of_its_own_that_passes() -> None:
    inner = find_place(runtime(tasks="tools:7|model:1"), None, "user_id", "")
    assert inner
    assert inner.passing
    assert inner.scope != Scope(session="t")
    assert find_place(runtime(tasks="tools:8|model:1"), None, "user_id", "") != inner
