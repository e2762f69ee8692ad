"""Filters and patterns, and the paths to the words of an item, with LangGraph's own as oracle."""

from typing import Any

import pytest
from langgraph.store.base import get_text_at_path, tokenize_path

from optimem.errors import InputError
from optimem.items.filters import check_filter, has_prefix, has_suffix, matches, text_at

VALUE: dict[str, Any] = {
    "n": 5, "s": "b", "none": None, "date": "2026-03-01", "digits": "10", "yes": True,
    "deep": {"x": 1, "y": [1, {"z": 2}]}, "list": ["a", "b"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        ({}, True),
        ({"n": 5}, True),
        ({"n": 5.0, "s": "b"}, True),
        ({"n": 5, "s": "c"}, False),
        ({"missing": None}, True),
        ({"missing": {"$ne": 1}}, True),
        ({"n": {"$gt": 4, "$lt": 6}}, True),
        ({"n": {"$gt": 5}}, False),
        ({"n": {"$gte": 5, "$lte": 5}}, True),
        ({"n": {"$lt": "6"}}, True),
        ({"digits": {"$gt": 9}}, True),
        ({"digits": {"$gt": "9"}}, True),
        ({"date": {"$gte": "2026-02-28", "$lt": "2026-03-02"}}, True),
        ({"s": {"$gt": 1}}, False),
        ({"missing": {"$lt": 1}}, False),
        ({"none": {"$gte": 0}}, False),
        ({"list": {"$gt": 0}}, False),
        ({"deep": {"x": 1}}, True),
        ({"deep": {"x": {"$gt": 1}}}, False),
        ({"deep": {"y": [1, {"z": 2}]}}, True),
        ({"deep": {"y": [1]}}, False),
        ({"deep": {"$eq": {"x": 1}}}, False),
        ({"list": ["a", "b"]}, True),
        ({"list": ("b", "a")}, False),
        ({"n": {"x": 1}}, False),
        ({"yes": {"$eq": True}}, True),
    ],
)
def test_filters(wanted: dict[str, Any], answer: bool) -> None:
    check_filter(wanted)
    assert matches(VALUE, wanted) is answer


@pytest.mark.parametrize("wanted", [{"n": {"$in": [1]}}, {"a": {"b": {"$gt": 1, "c": 2}}}])
def test_an_unknown_operator_is_named_even_where_no_item_has_the_field(wanted: Any) -> None:
    with pytest.raises(InputError, match=r"is not a filter operator; use one of \$eq, \$ne"):
        check_filter(wanted)


def test_patterns_match_whole_labels() -> None:
    namespace = ("a", "b", "c")
    assert has_prefix(namespace, ("a", "*"))
    assert has_prefix(namespace, ())
    assert not has_prefix(namespace, ("a", "c"))
    assert not has_prefix(namespace, ("a", "b", "c", "*"))
    assert has_suffix(namespace, ("*", "c"))
    assert has_suffix(namespace, ())
    assert not has_suffix(namespace, ("b",))
    assert not has_suffix(("c",), ("*", "c"))


ITEM = {
    "title": "Tea", "n": 3, "yes": True, "none": None, "tags": ["x", "y", "z"],
    "parts": [{"text": "one", "by": {"name": "Ann"}}, {"text": "two"}, "loose"],
    "meta": {"a": "A", "b": {"c": "C"}},
}  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["title", "n", "yes", "none", "missing", "title.x", "tags[*]", "tags[0]", "tags[-1]",
     "tags[-4]", "tags[3]", "tags[x]", "tags.0", "title[0]", "parts[*].text",
     "parts[*].by.name", "meta.b.c", "{title,meta.b.c,missing}", "meta.{a,b.c}", "tags.*",
     "title.*", "title.{a}"],
)  # fmt: skip
def test_paths_lead_where_they_lead_in_langgraph(path: str) -> None:
    assert text_at(ITEM, tokenize_path(path)).splitlines() == get_text_at_path(ITEM, path)


@pytest.mark.parametrize("path", ["$", ""])
def test_a_whole_value_gives_its_fields_without_json(path: str) -> None:
    text = text_at({"food": {"best": "two\nlines"}, "n": [1, None]}, tokenize_path(path))
    assert text == "food\nbest\ntwo\nlines\nn\n1"
