"""What may be kept comes back equal; what would not is refused with its path."""

import math
from enum import StrEnum
from random import Random
from string import ascii_letters, digits
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from optimem.errors import ChecksumError, FormatError, InputError
from optimem.items import serialization
from optimem.items.serialization import MAX_DEPTH, ItemHead, check_value
from optimem.text.terms import terms

TEXT = st.text(st.characters(codec=None, exclude_categories=()))  # lone surrogates too
KEYS = TEXT.filter(lambda key: key != serialization.TUPLE)  # refused by name, see below
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(
    LEAVES.filter(lambda leaf: leaf not in (math.inf, -math.inf)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
PLACE, SECRET = b"where it is stored", bytes(32)
HEAD = ItemHead(1, 2, None, "0" * 22)


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types: 1 is not 1.0 and not True; 0.0 is not -0.0."""
    return repr(one) == repr(other)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=4))
@example({"big": 10**400, "small": 5e-324, "zero": -0.0, "one": 1.0, "lone": "\ud800", "": [{}]})
def test_json_comes_back_with_the_same_types(value: dict[str, Any]) -> None:
    check_value(value)
    packed = serialization.pack_item(HEAD, serialization.pack_value(value), PLACE)
    assert same(serialization.unpack_value(packed, PLACE), value)
    assert serialization.unpack_head(packed, PLACE) == HEAD


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": {"b": [0, (1, {2})]}}, r"\$\.a\.b\[1\]\[1\] is a set.*make it a list"),
        ({"a": {1: "x"}}, r"\$\.a has the key 1"),
        ({"a": math.nan}, r"\$\.a is nan"),
        ({"a": [math.inf]}, r"\$\.a\[0\] is inf"),
        ({"a": {"b": {1, 2}}}, r"\$\.a\.b is a set"),
        ({"a": b"x"}, r"\$\.a is a bytes"),
        ({"a": object()}, r"\$\.a is a object"),
        ({"a": 10**5000}, r"\$\.a has too many digits"),
        ([], "a list; give a dict"),
        ("text", "a str; give a dict"),
    ],
)
def test_what_is_no_json_is_refused_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(InputError, match=path):
        check_value(value)


def test_depth_is_limited_and_a_circle_is_deep() -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"a": nested(levels - 1)} if levels else {}

    check_value(nested(MAX_DEPTH))
    circle: dict[str, Any] = {}
    circle["me"] = circle
    for deep in (nested(MAX_DEPTH + 1), circle):
        with pytest.raises(InputError, match="nested more than"):
            check_value(deep)


def test_an_enum_that_equals_its_text_comes_back_as_the_text() -> None:
    check_value({"c": Colour.RED})
    packed = serialization.pack_item(HEAD, serialization.pack_value({"c": Colour.RED}), PLACE)
    assert serialization.unpack_value(packed, PLACE) == {"c": Colour.RED}


def test_long_values_are_compressed_and_short_ones_are_not() -> None:
    short, long = {"a": "b"}, {"text": "The same words, again and again. " * 20}
    assert serialization.pack_value(short) == (b'{"a":"b"}', False)
    body = serialization.pack_value(long)
    assert body.compressed
    assert len(body.data) < len(str(long)) / 5
    noise = "".join(Random(1).choices(ascii_letters + digits + "+-*/=()[]<>,;.:!?&%$#@^~", k=150))
    assert not serialization.pack_value({"noise": noise}).compressed


@pytest.mark.parametrize("value", [(), (1,), [(1, [2, ("x",)])], {"a": ((), [])}])
def test_tuples_come_back_as_tuples(value: Any) -> None:
    check_value({"v": value})
    packed = serialization.pack_item(HEAD, serialization.pack_value({"v": value}), PLACE)
    assert serialization.unpack_value(packed, PLACE) == {"v": value}


def test_no_value_passes_for_a_tuple() -> None:
    with pytest.raises(InputError, match="make it another string"):
        check_value({"v": {serialization.TUPLE: [1]}})


def test_a_mark_that_expires_later_is_the_same_otherwise() -> None:
    words = serialization.pack_words("tea")
    packed = serialization.pack_mark(7, words, PLACE, SECRET, b"vectors")
    assert b"vectors" not in packed
    mark = serialization.unpack_mark(serialization.repack_mark(packed, 9, PLACE), PLACE, SECRET)
    assert (mark.expires, mark.vectors) == (9, b"vectors")
    assert mark.words is not None


def test_damaged_and_foreign_entries_are_named() -> None:
    packed = serialization.pack_item(HEAD, serialization.pack_value({"a": 1}), PLACE)
    with pytest.raises(ChecksumError):
        serialization.unpack_value(packed[:-1] + b"?", PLACE)
    with pytest.raises(FormatError):
        serialization.unpack_mark(packed, PLACE, SECRET)


def test_words_of_a_mark() -> None:
    mark = serialization.unpack_mark(
        serialization.pack_mark(7, serialization.pack_words("Tea and \ud800 tea"), PLACE, SECRET),
        PLACE,
        SECRET,
    )
    assert mark.expires == 7
    assert mark.words is not None
    assert mark.words.term.tolist() == terms("tea")
    assert serialization.unpack_mark(
        serialization.pack_mark(None, serialization.pack_words("the and"), PLACE, SECRET),
        PLACE,
        SECRET,
    ) == (None, None, b"")
