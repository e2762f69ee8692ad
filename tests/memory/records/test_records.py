"""What is stored, and the keys it is stored under."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimem.memory.records.records import (
    EntryKind,
    PageKey,
    Position,
    chunk_key,
    chunk_position,
    holding,
    image_key,
    image_turn,
    page_id,
    turn_key,
)
from optimem.omem.corrections import text_digest
from optimem.tiers import Tier
from tests.memory.factories import make_page, make_span

POSITIONS = st.builds(Position, st.integers(0, 2**40 - 1), st.integers(0, 2**32 - 1))


@given(st.lists(POSITIONS, min_size=2, max_size=9))
def test_keys_sort_in_reading_order_and_are_read_back(positions: list[Position]) -> None:
    pages = [PageKey(position, "00ff") for position in positions]
    assert [key.page for key in sorted(pages)] == sorted(key.page for key in pages)
    assert [key.words for key in sorted(pages)] == sorted(key.words for key in pages)
    assert [chunk_key(each) for each in sorted(positions)] == sorted(map(chunk_key, positions))
    assert [PageKey.parse(key.page) for key in pages] == pages
    assert [PageKey.parse(key.words) for key in pages] == pages
    assert [chunk_position(chunk_key(each)) for each in positions] == positions


def test_any_id_has_a_short_key_of_its_own() -> None:
    ids = ["", "a", "A", "id:a", "\ud800", "é", "x" * 10_000, "a\0b", "tail:0"]
    keys = [turn_key(turn) for turn in ids]
    assert len(set(keys)) == len(ids)
    assert {len(key) for key in keys} == {len("id:") + 16}


def test_an_image_has_a_key_by_the_turn_that_describes_it() -> None:
    turn = image_turn("1f2e")
    key = image_key(turn)
    assert key is not None
    assert EntryKind.of(key) is EntryKind.IMAGE
    assert key != turn_key(turn)
    assert image_key("an ordinary turn") is None


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("head", EntryKind.STATE),
        (turn_key("a"), EntryKind.TURN),
        (chunk_key(Position(1, 2)), EntryKind.CHUNK),
        (PageKey(Position(1, 2), "ab").page, EntryKind.PAGE),
        (PageKey(Position(1, 2), "ab").words, EntryKind.INDEX),
        ("item:/a/b//c", None),
    ],
)
def test_a_key_names_its_kind(key: str, kind: EntryKind | None) -> None:
    assert EntryKind.of(key) is kind


@pytest.mark.parametrize(
    ("number", "held"),
    [
        (0, [(0, 0)]),
        (1, [(0, 0)]),  # may start on the page before
        (2, [(0, 0), (2, 5), (2, 9)]),  # starts on the page before, as no page starts with it
        (3, [(3, 0)]),  # starts a page
        (7, [(3, 0)]),
    ],
)
def test_the_pages_that_may_hold_a_turn(number: int, held: list[tuple[int, int]]) -> None:
    keys = [PageKey(Position(*at), "ab") for at in [(0, 0), (2, 5), (2, 9), (3, 0)]]
    assert [tuple(key.position) for key in holding(keys, number)] == held


def test_no_page_holds_a_turn_before_the_first() -> None:
    assert holding([], 3) == []
    assert holding([PageKey(Position(4, 0), "ab")], 3) == []


def test_a_page_is_named_by_scope_position_and_text() -> None:
    ids = {
        page_id("s", Position(0, 0), ("a", "b")),
        page_id("t", Position(0, 0), ("a", "b")),
        page_id("s", Position(0, 1), ("a", "b")),
        page_id("s", Position(0, 0), ("ab",)),
    }
    assert len(ids) == 4
    assert all(len(each) == 16 for each in ids)
    assert text_digest("a") != text_digest("b")


def test_what_a_page_says_of_itself() -> None:
    first, second = make_span("abc", 4), make_span("de", 5, start=4, pinned=True)
    page = replace(make_page(first, second), error=0.25)
    assert page.key == PageKey(Position(4, 0), "ab")
    assert page.tier is Tier.BASE
    assert page.accuracy == 0.75
    assert page.pinned
    assert not make_page(first).pinned
    assert page.holds(5)
    assert not page.holds(6)
    assert make_page(first, tier=None).tier is None


def test_text_starts_after_the_role_mark_of_a_turn_that_starts_here() -> None:
    assert make_span("abc").text_start == 1
    assert make_span("abc", offset=7, start=20).text_start == 20
