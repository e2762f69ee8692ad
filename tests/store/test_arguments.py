"""Arguments: a scope survives its tag, and what no backend can store is refused by name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimem.errors import ConflictError, InputError
from optimem.protocols import Change
from optimem.store.arguments import (
    check_changes,
    check_lease,
    conflict_error,
    key_bytes,
    scope_of,
    scope_tag,
)
from optimem.turns import Scope
from tests.store.scopes import HOSTILE

NAMES = st.text(st.sampled_from("a:%/{} é\n3A"), min_size=1, max_size=6)
SCOPES = st.builds(Scope, session=NAMES, user=st.just("") | NAMES, namespace=st.just("") | NAMES)


@given(SCOPES, SCOPES)
def test_a_tag_stands_for_one_scope(one: Scope, other: Scope) -> None:
    assert scope_of(scope_tag(one)) == one
    assert (scope_tag(one) == scope_tag(other)) is (one == other)
    assert re.fullmatch(r"[\w.~%-]*:[\w.~%-]*:[\w.~%-]+", scope_tag(one), re.ASCII)


def test_hostile_scopes_survive() -> None:
    assert [scope_of(scope_tag(scope)) for scope in HOSTILE] == HOSTILE


def test_keys_are_utf_8() -> None:
    assert key_bytes("é/日") == "é/日".encode()
    with pytest.raises(InputError, match=r"'a\\ud800' has a lone surrogate at position 1"):
        key_bytes("a\ud800")


def test_changes_with_a_clear_meaning_pass() -> None:
    check_changes([])
    check_changes([Change("a", b"", due=-1.5), Change("b", None), Change("A", b"", expect=0)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([Change("a", b""), Change("b", b""), Change("a", None)], "'a' changes twice"),
        ([Change("a", b"", due=float("nan"))], "'a' is due at nan; give seconds"),
        ([Change("a", None, due=float("-inf"))], "'a' is due at -inf"),
    ],
)
def test_changes_without_one_are_refused(changes: list[Change], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_changes(changes)


def test_leases() -> None:
    check_lease(0.001)
    for lease in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match=f"a lease cannot last {lease} s"):
            check_lease(lease)


def test_a_conflict_names_key_and_versions() -> None:
    error = conflict_error("page", 0, 3)
    assert isinstance(error, ConflictError)
    assert "'page' has version 3, expected 0" in str(error)
