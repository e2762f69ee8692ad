"""The exact values listed beside pages: all, or those that matter within what they may cost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimem.prompts.listing import (
    ALL_TITLE,
    SOME_TITLE,
    Listing,
    exact_values_by_page,
    exact_values_of,
    list_values,
)
from optimem.prompts.pages import PageImage, TextPosition


def page(*end: int) -> PageImage:
    return PageImage(1, 1, lambda: b"", TextPosition(*end), 12)


def words(text: str) -> int:
    return len(text.split())


def listing(texts: list[str], pages: list[PageImage], room: int = 1000) -> Listing:
    values = [exact_values_of(text) for text in texts]
    return list_values(exact_values_by_page(values, pages), room, words)


def lines(texts: list[str], pages: list[PageImage]) -> list[str]:
    return listing(texts, pages).text.splitlines()


def test_values_are_listed_once_where_they_first_occur_with_the_words_before_them() -> None:
    texts = ["open port 8443172 or 8443172", "port 8443172,\nthe id is a1b2c3d4"]
    pages = [page(0, 12), page(0, len(texts[0])), page(1, len(texts[1]))]
    assert lines(texts, pages) == [
        ALL_TITLE,
        "page 1: open port 8443172",
        "page 3: the id is a1b2c3d4",
    ]
    assert list_values([[], []], 1000, words) == ("", 0, 0)


def test_a_value_is_on_the_page_where_it_begins() -> None:
    text = "one 1234567 two 7654321"
    shown = lines([text], [page(0, 6), page(0, len(text))])
    assert shown[1:] == ["page 1: one 1234567", "page 2: two 7654321"]


def test_context_ends_at_the_value_before_and_at_the_line() -> None:
    text = "from 123456789 to 987654321\n555666777"
    assert [str(value) for value in exact_values_of(text)] == [
        "from 123456789", "to 987654321", "555666777"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        "3f2a9c1e7",
        "IMO-9431147",
        "OPS-20417",
        "$1,234,567.89",
        "https://youtu.be/dQw4w9WgXcQ",
        "+49 1523 5550199",
    ],
)
def test_what_nothing_gives_away_is_listed(value: str) -> None:
    assert exact_values_of(f"it is {value} there")


@pytest.mark.parametrize(
    "value",
    ["1995", "12:30", "2024-05-12", "src/main/utils.py", "/usr/local/bin", "v1.2.3", "sha256",
     "https://example.com/docs/getting-started", "jane.doe@example.com", "0.547", "100ms"],
)  # fmt: skip
def test_what_a_reader_gets_right_is_not(value: str) -> None:
    assert not exact_values_of(f"it is {value} there")


def test_of_a_list_too_dear_what_matters_most_is_kept() -> None:
    others = "\n".join(f"and it was {10**12 + number}" for number in range(9))
    text = f"77777771 x 99999992\nticket 55555553 and, again, 99999992\n{others}"
    pages = [page(0, len(text))]
    room = words(f"{SOME_TITLE} page 1: x 99999992; ticket 55555553")
    some = listing([text], pages, room)
    assert some == (f"{SOME_TITLE}\npage 1: x 99999992; ticket 55555553", 2, 10)
    assert listing([text], pages, room - 1) == (f"{SOME_TITLE}\npage 1: x 99999992", 1, 11)
    assert listing([text], pages, 3) == ("", 0, 12)


@given(room=st.integers(0, 200), numbers=st.lists(st.integers(10**6, 10**7 - 1), max_size=30))
@settings(max_examples=30)
def test_a_list_never_costs_more_than_its_room(room: int, numbers: list[int]) -> None:
    texts = [f"id {number} or {number + 1}" for number in numbers]
    made = listing(texts, [page(n, 99) for n in range(max(len(texts), 1))], room)
    assert words(made.text) <= room
    assert made.listed + made.left_out == len({n + d for n in numbers for d in (0, 1)})
