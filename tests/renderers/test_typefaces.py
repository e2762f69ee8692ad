"""Typefaces: every script has a face, and characters stay whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimem.errors import InputError
from optimem.renderers.fonts import FONTS, font_path
from optimem.renderers.typefaces import (
    CHAINS,
    Font,
    code_points,
    face_runs,
    graphemes,
    undrawable_scripts,
)

BODY = Font(18)


def faces(text: str, font: Font = BODY) -> list[tuple[str | None, str]]:
    return list(face_runs(text, font.chain))


def test_every_shipped_font_opens() -> None:
    for name in FONTS:
        assert ord("A") in code_points(name) or not name.startswith("DejaVu")
        assert code_points(name)
    assert ord("漢") in code_points("DroidSansFallback")
    assert {name for chain in CHAINS.values() for name in chain} <= set(FONTS)


def test_an_unknown_font_is_named() -> None:
    with pytest.raises(InputError, match="there is no font 'Arial'; choose one of DejaVuSans,"):
        font_path("Arial")


def test_the_face_changes_where_the_script_needs_it() -> None:
    assert faces("aé世שא🚨e\u0301 b") == [
        ("DejaVuSans", "aé"), ("DroidSansFallback", "世"), ("DejaVuSans", "שא"),
        ("NotoEmoji", "🚨"), ("DejaVuSans", "e\u0301 b"),
    ]  # fmt: skip
    assert faces("") == []


def test_a_font_prefers_its_own_face_and_falls_back_to_plainer_ones() -> None:
    bold = Font(18, mono=True, bold=True)
    assert bold.chain[0] == "DejaVuSansMono-Bold"
    assert faces("a漢", bold) == [("DejaVuSansMono-Bold", "a"), ("DroidSansFallback", "漢")]
    assert all("DroidSansFallback" in chain for chain in CHAINS.values())


def test_a_base_whose_mark_is_in_another_face_is_drawn_without_it() -> None:
    assert faces("漢\u0301") == [("DroidSansFallback", "漢"), ("DejaVuSans", "\u0301")]


def test_tag_characters_cannot_hide_text() -> None:
    assert faces("a\U000e0041") == [("DejaVuSans", "a"), (None, "\U000e0041")]
    england = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    assert faces(england) == [("NotoEmoji", england)]
    assert not undrawable_scripts(england)
    hidden = "🏴\U000e0061\U000e0062\U000e0063\U000e007f"
    assert undrawable_scripts(hidden) == {"formatting"}


def test_a_word_of_joined_letters_has_one_face() -> None:
    for word in ("یہاں", "پاکستان", "ڪتاب", "ټول", "ߒߞߏ"):
        assert len(faces(word)) == 1, word


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", ["a", "b", "c"]),
        ("e\u0301\u0302x", ["e\u0301\u0302", "x"]),
        ("👩\u200d👩\u200d👧a", ["👩\u200d👩\u200d👧", "a"]),
        ("❤\ufe0f!", ["❤\ufe0f", "!"]),
        ("👍🏽a", ["👍🏽", "a"]),
        ("\u0301", ["\u0301"]),
        ("", []),
    ],
)
def test_marks_and_joiners_stay_with_their_character(text: str, expected: list[str]) -> None:
    assert list(graphemes(text)) == expected


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_runs_and_graphemes_cover_the_text(text: str) -> None:
    assert "".join(graphemes(text)) == text
    for font in (BODY, Font(18, mono=True, bold=True)):
        assert "".join(run for _, run in faces(text, font)) == text


def test_only_monospaced_fonts_have_cells() -> None:
    assert Font(18).cell == 0
    assert Font(18, mono=True).cell == Font(18, mono=True, bold=True).cell == 694
    assert 12.5 < Font(21, mono=True).cell / 64 < 12.7
