"""Shaping: glyphs stand where they are seen, columns align, and what no font has is a box."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimem.renderers.shaping import SUBPIXELS, longest_fit, shape
from optimem.renderers.typefaces import Font

BODY, MONO = Font(18), Font(18, mono=True)
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


def test_what_no_font_has_shows_as_a_box() -> None:
    assert shape("𓀀", BODY, False).missing
    assert not shape("é世", BODY, False).missing


def test_the_box_holds_the_code_point() -> None:
    shaped = shape("𓀀", BODY, False)
    digits = shape("13000", Font(11, mono=True), False)
    assert [glyph.number for glyph in shaped.glyphs] == [glyph.number for glyph in digits.glyphs]
    (box,) = shaped.missing
    assert 0 < box.left < shaped.glyphs[0].x
    assert shaped.glyphs[-1].x < box.right < shaped.width
    assert box.bottom < 0 < box.top


def test_right_to_left_glyphs_stand_in_visual_order() -> None:
    latin, hebrew = shape("ab", BODY, False), shape("אב", BODY, True)
    assert latin.glyphs[0].x < latin.glyphs[1].x
    assert [start for start, _ in hebrew.clusters] == [0, 1]
    alef = shape("א", BODY, True)
    assert hebrew.glyphs[-1].number == alef.glyphs[0].number
    assert hebrew.glyphs[-1].x == hebrew.width - alef.width


def test_faces_in_right_to_left_text_are_joined_from_the_right() -> None:
    shaped = shape("א𓀀", BODY, True)
    (box,) = shaped.missing
    alef = next(glyph for glyph in shaped.glyphs if glyph.size == 18)
    assert box.right < alef.x


def test_arabic_letters_join() -> None:
    joined = [glyph.number for glyph in shape("بب", BODY, True).glyphs]
    alone = shape("ب", BODY, True).glyphs[0].number
    assert alone not in joined
    assert joined[0] != joined[1]


def test_monospaced_text_keeps_its_columns_in_every_script() -> None:
    for text, columns in (("ab", 2), ("世界", 4), ("a世b", 4), ("e\u0301", 1), ("\u200d", 0)):
        assert shape(text, MONO, False).width == columns * MONO.cell, text
    assert shape("𓀀", MONO, False).width % MONO.cell == 0


@settings(max_examples=100, deadline=None)
@given(TEXT, st.booleans(), st.sampled_from([BODY, MONO]))
def test_clusters_cover_text_and_width(text: str, rtl: bool, font: Font) -> None:
    shaped = shape(text, font, rtl)
    assert sum(width for _, width in shaped.clusters) == shaped.width
    starts = [start for start, _ in shaped.clusters]
    assert starts == sorted(starts)
    assert starts[:1] == ([0] if text else [])


@settings(max_examples=60, deadline=None)
@given(TEXT.filter(len), st.booleans(), st.integers(0, 200))
def test_the_longest_fit_fits_and_no_longer_one_would(text: str, rtl: bool, pixels: int) -> None:
    room = pixels * SUBPIXELS
    length = longest_fit(text, BODY, rtl, room)
    assert 1 <= length <= len(text)
    first = [start for start, _ in shape(text, BODY, rtl).clusters][1:2] or [len(text)]
    assert length == first[0] or shape(text[:length], BODY, rtl).width <= room


def test_a_fit_is_counted_in_characters() -> None:
    room = 3 * MONO.cell
    assert longest_fit("abcdef", MONO, False, room) == 3
    assert longest_fit("e\u0301e\u0301e\u0301e\u0301", MONO, False, room) == 6
    assert longest_fit("世界世", MONO, False, room) == 1
    assert longest_fit("wide", MONO, False, 0) == 1


@pytest.mark.parametrize("text", ["", "\u200b\ufe0f"])
def test_text_without_ink_has_no_glyphs_that_take_room(text: str) -> None:
    assert shape(text, BODY, False).width == 0
