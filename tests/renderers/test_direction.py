"""Reading direction: paragraphs run as their first letter does, and pieces keep their order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimem.renderers.direction import MAX_PIECES, is_rtl, pieces, visual_order

MIXED = st.text(st.sampled_from("ab1 .אבش،(\u200f\u202b\u2067\t\ufffd\u0301"), max_size=40)


def test_right_to_left_text_is_seen_from_the_right() -> None:
    assert is_rtl("שלום abc")
    assert not is_rtl("abc שלום")
    parts = pieces("אב abc")
    order = [parts[piece.number] for piece in visual_order(parts, rtl=True)]
    assert order == ["abc", " ", "אב"]


@pytest.mark.parametrize("text", ["", "123", " .,", "é漢", "12 שלום"[:2]])
def test_text_without_rtl_letters_runs_left_to_right(text: str) -> None:
    assert not is_rtl(text)


@given(MIXED, st.booleans())
def test_every_piece_is_seen_once(text: str, rtl: bool) -> None:
    parts = pieces(text)
    order = sorted(piece.number for piece in visual_order(parts, rtl))
    assert order == list(range(len(parts)))


@given(MIXED)
def test_pieces_cover_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


@pytest.mark.parametrize(
    ("text", "rtl", "shown"),
    [
        ("abc אב 12 def", False, ["abc", " ", "12", " *", "אב*", " ", "def"]),
        ("אב 12 גד", True, ["גד*", " *", "12", " *", "אב*"]),
        ("אב 12 גד", False, ["גד*", " *", "12", " *", "אב*"]),
        ("(אב)", True, [")*", "אב*", "(*"]),
        ("a e\u0301", False, ["a", " ", "e\u0301"]),
        ("אב 👩\u200d🚀", True, ["👩\u200d🚀*", " *", "אב*"]),
    ],
)
def test_lines_are_ordered_as_unicode_says(text: str, rtl: bool, shown: list[str]) -> None:
    """A star marks a piece that runs right to left."""
    parts = pieces(text)
    order = [parts[piece.number] + "*" * piece.rtl for piece in visual_order(parts, rtl)]
    assert order == shown


def test_a_line_may_have_as_many_pieces_as_markers_can_number() -> None:
    parts = ["a", "."] * (MAX_PIECES // 2)
    assert [piece.number for piece in visual_order(parts, rtl=False)] == list(range(MAX_PIECES))
