"""Names of entries: two addresses never share one, and a namespace is a range of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimem.errors import InputError, ScopeError
from optimem.items.names import (
    SHARDS,
    Address,
    MarkName,
    check_address,
    item_entry_key,
    mark_prefix,
    new_stamp,
    shard_of,
    shard_scopes,
)

LABELS = st.sampled_from(["a", "/", "%", "%2F", "%252F", ":", "*", "a/b", "ab", " ", "ü"])
KEYS = LABELS | st.sampled_from(["", "//", "/a", "k//"])
ADDRESSES = st.builds(Address, st.lists(LABELS, min_size=1, max_size=3).map(tuple), KEYS)


@settings(max_examples=200, deadline=None)
@given(ADDRESSES, ADDRESSES, st.integers(0, 2**55), st.booleans())
def test_names_tell_addresses_apart_and_are_read_back(
    one: Address, other: Address, now: int, timed: bool
) -> None:
    mark = MarkName(one, new_stamp(now), timed)
    assert MarkName.parse(mark.entry_key) == mark
    assert mark.updated == now
    assert (item_entry_key(one) == item_entry_key(other)) is (one == other)
    assert mark.entry_key.startswith(mark_prefix(()))
    below = one.namespace[: len(other.namespace)] == other.namespace
    assert mark.entry_key.startswith(mark_prefix(other.namespace)) is below


def test_stamps_of_one_moment_differ() -> None:
    assert len({new_stamp(5) for _ in range(50)}) == 50


def test_shards_are_the_same_for_ever() -> None:
    assert [shard_of(root) for root in ("users", "docs", "ü", "\ud800")] == [9, 7, 5, 8]
    scopes = shard_scopes("mine")
    assert len({str(scope) for scope in scopes}) == SHARDS
    assert str(scopes[3]) == "optimem.items/mine/03"


@pytest.mark.parametrize("address", [Address((), "k"), Address(("a", ""), "k"), Address(("a",), 1)])
def test_what_cannot_be_named_is_refused(address: Address) -> None:
    with pytest.raises(InputError):
        check_address(address)


def test_a_collection_needs_a_name_of_reasonable_length() -> None:
    with pytest.raises(ScopeError, match="cannot name a collection"):
        shard_scopes("x" * 513)
