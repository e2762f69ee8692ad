"""Layout: every character is on one line, and lines break where a reader expects it."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimem.renderers.layout import MAX_SEGMENT, segments, source_lines, wrap
from optimem.renderers.shaping import SUBPIXELS
from optimem.renderers.typefaces import Font

BODY = Font(18)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=80)


def shown(text: str, room: int, font: Font = BODY, *, words: bool = True) -> list[str]:
    return [text[line.start : line.end] for line in wrap(text, font, room * SUBPIXELS, words=words)]


def test_markdown_is_recognised_and_kept() -> None:
    text = "# Title\n\nprose\n```\ncode\n```\n\n| a |\n|---|\n| b |\n\n    code"
    kinds = [(line.kind, line.text) for line in source_lines(text)]
    assert kinds == [
        ("heading", "# Title"), ("prose", ""), ("prose", "prose"),
        ("code", "```"), ("code", "code"), ("code", "```"), ("prose", ""),
        ("table", "| a |"), ("table", "|---|"), ("table", "| b |"), ("prose", ""),
        ("code", "    code"),
    ]  # fmt: skip


@given(st.text(st.sampled_from("ab #`|-\n\r\t*>1."), max_size=60))
def test_source_lines_cover_the_text(text: str) -> None:
    found = list(source_lines(text))
    assert "".join(text[line.start : line.end] for line in found) == text
    assert all(first.end == second.start for first, second in pairwise(found))
    ends = [text[line.start : line.end].removeprefix(line.text) for line in found]
    assert set(ends[:-1]) <= {"\n", "\r\n", "\r"}


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_the_kind_of_newline_makes_no_difference(newline: str) -> None:
    text = "# Title\n\nprose\n```\ncode\n\nmore\n```\n\n| a |\n|---|\n| b |\n\nend\n"
    found = [(line.kind, line.text) for line in source_lines(text)]
    assert [(one.kind, one.text) for one in source_lines(text.replace("\n", newline))] == found


def test_control_characters_that_are_white_space_have_no_box() -> None:
    (line,) = wrap("a\fb\vc\x1cd\x85e", BODY, 400 * SUBPIXELS, words=True)
    assert not any(part.missing for _, part in line.parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two  words\t", ["two", "  ", "words", "\t"]),
        ("no\u00a0break", ["no\u00a0break"]),
        ("well-known 3-4 a--b", ["well-", "known", " ", "3-4", " ", "a--b"]),
        ("x/y?z=1&b", ["x/", "y?", "z=1&", "b"]),
        ("「世界」、你好。abc漢字", ["「世", "界」、", "你", "好。", "abc", "漢", "字"]),
        ("カー", ["カー"]),
        ("漢\u0301字", ["漢\u0301", "字"]),
        ("🇩🇪👍🏽a", ["🇩🇪", "👍🏽", "a"]),
        ("🏴\U000e0067\U000e007f", ["🏴\U000e0067\U000e007f"]),
        ("", []),
    ],
)
def test_segments_end_where_a_line_may_break(text: str, expected: list[str]) -> None:
    assert list(segments(text)) == expected


@given(TEXT)
def test_segments_cover_the_text(text: str) -> None:
    found = list(segments(text))
    assert "".join(found) == text
    assert all(0 < len(segment) <= MAX_SEGMENT for segment in found)


def test_endless_words_are_cut_between_graphemes_if_they_can_be() -> None:
    accented = list(segments("e\u0301" * 200))
    assert [len(segment) for segment in accented] == [256, 144]
    assert all(segment.startswith("e") for segment in accented)
    assert [len(segment) for segment in segments("e" + "\u0301" * 300)] == [256, 45]


def test_lines_break_at_words_and_long_words_break_hard() -> None:
    for line in shown("alpha beta gamma delta epsilon", 120)[:-1]:
        assert line.endswith(" ")
    parts = shown("x" * 100, 120)
    assert len(parts) > 5
    assert "".join(parts) == "x" * 100


def test_cjk_breaks_between_characters_but_not_before_a_full_stop() -> None:
    parts = shown("世界你好。" * 8, 100)
    assert len(parts) > 3
    assert not any(part.startswith("。") for part in parts)


def test_code_fills_its_lines_and_keeps_its_white_space() -> None:
    text = "a" + " " * 30 + "b"
    mono = Font(18, mono=True)
    assert shown(text, 120, mono, words=True) == ["a" + " " * 30, "b"]
    parts = shown(text, 120, mono, words=False)
    assert "".join(parts) == text
    assert [len(part) for part in parts[:-1]] == [1, 11, 11]


def test_a_paragraph_has_one_direction() -> None:
    (line,) = wrap("שלום", BODY, 500 * SUBPIXELS, words=True)
    assert line.rtl
    lines = list(wrap("שלום עולם abc " * 9, BODY, 150 * SUBPIXELS, words=True))
    assert len(lines) > 3
    assert all(line.rtl for line in lines)


@settings(max_examples=60, deadline=None)
@given(TEXT, st.integers(30, 200), st.booleans())
def test_lines_cover_the_text_and_fit_the_room(text: str, room: int, words: bool) -> None:
    lines = list(wrap(text, BODY, room * SUBPIXELS, words=words))
    assert "".join(text[line.start : line.end] for line in lines) == text
    for line in lines:
        x = 0
        for offset, part in line.parts:
            assert offset >= x
            x = offset + part.width


@given(st.text(st.sampled_from("ab cd-/ é世"), min_size=1, max_size=80), st.integers(40, 200))
def test_only_a_first_character_or_white_space_is_wider_than_the_room(text: str, room: int) -> None:
    for hang in (0, 10 * SUBPIXELS):
        for line in wrap(text, BODY, room * SUBPIXELS, words=True, hang=hang):
            assert line.width <= room * SUBPIXELS
            assert line.parts[:1] == () or line.parts[0][0] >= (hang if line.start else 0)


def test_tabs_reach_the_next_stop_and_white_space_at_the_end_takes_no_room() -> None:
    mono = Font(18, mono=True)
    (tabbed,) = wrap("a\tb", mono, 500 * SUBPIXELS, words=False)
    assert tabbed.width == 5 * mono.cell
    (spaced,) = wrap("ab   ", mono, 500 * SUBPIXELS, words=True)
    assert (spaced.width, spaced.end) == (2 * mono.cell, 5)
