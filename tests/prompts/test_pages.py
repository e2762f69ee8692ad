"""What each page shows, and the exact values listed beside it."""

import base64

from hypothesis import given, settings
from hypothesis import strategies as st

from optimem.prompts.pages import (
    EXACT_VALUES_TITLE,
    PageImage,
    TextPosition,
    exact_values_by_page,
    format_exact_values,
    page_texts,
)
from optimem.turns import Turn


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.characters(categories=["L", "N", "Z"]), min_size=1), min_size=1))
def test_the_texts_of_pages_add_up_to_the_turns(texts: list[str]) -> None:
    turns = [Turn(text=text) for text in texts]
    ends = [TextPosition(n, len(turn.text) // 2) for n, turn in enumerate(turns)]
    pages = [PageImage(1, 1, b"", end, 12) for end in ends]
    pages.append(PageImage(1, 1, b"", TextPosition(len(turns) - 1, len(turns[-1].text)), 12))
    shown = "".join(page_texts(turns, pages)).replace("\n", "")
    assert shown == "".join(texts).replace("\n", "")


def test_a_turn_may_fill_several_pages() -> None:
    ends = [TextPosition(0, 3), TextPosition(0, 6), TextPosition(1, 2)]
    pages = [PageImage(1, 1, b"", end, 12) for end in ends]
    assert page_texts([Turn(text="abcdefgh"), Turn(text="xy")], pages) == ["abc", "def", "gh\nxy"]


def test_values_are_listed_once_where_they_first_occur() -> None:
    values = exact_values_by_page(["port 8443 and 8443", "port 8443, id a1b2c3d4"])
    assert values == [["8443"], ["a1b2c3d4"]]
    assert format_exact_values(values).splitlines() == [
        EXACT_VALUES_TITLE,
        "page 1: 8443",
        "page 2: a1b2c3d4",
    ]
    assert format_exact_values([[], []]) == ""


def test_a_page_is_carried_as_base64() -> None:
    page = PageImage(8, 8, b"\x89PNG", TextPosition(0, 1), 12)
    assert base64.b64decode(page.base64) == b"\x89PNG"
