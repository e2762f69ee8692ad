"""No page shows a box: what no face draws is known beforehand."""

import sys
import unicodedata
from collections.abc import Iterator
from itertools import product

import pytest

from optimem.renderers.layout import wrap
from optimem.renderers.typefaces import BLANKS, Font, undrawable_scripts

SCRIPTS = {
    "LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "GEORGIAN", "HEBREW", "ARABIC", "DEVANAGARI",
    "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM",
    "SINHALA", "THAI", "LAO", "MYANMAR", "KHMER", "ETHIOPIC", "HANGUL", "HIRAGANA", "KATAKANA",
    "CJK",
}  # fmt: skip
"""Of the 30 most written languages."""

FONTS = [Font(18), Font(18, mono=True), Font(18, bold=True), Font(18, mono=True, bold=True)]
SKIN = [chr(code) for code in range(0x1F3FB, 0x1F400)]


def boxes(text: str, font: Font) -> int:
    lines = wrap(text, font, 1 << 30, words=True)
    shaped = [part for line in lines for _, part in line.parts]
    return sum(len(s.missing) + sum(glyph.number == 0 for glyph in s.glyphs) for s in shaped)


def letters() -> Iterator[str]:
    for char in map(chr, range(sys.maxunicode)):
        if unicodedata.category(char)[0] in "LMN" and unicodedata.name(char, "-").split()[0] in (
            SCRIPTS
        ):
            yield char


def emoji() -> Iterator[str]:
    """Every pictograph alone, with a skin tone, as a keycap or joined to another; every flag."""
    pictographs = [
        char for char in map(chr, range(0x203C, 0x1FB00)) if unicodedata.category(char) == "So"
    ]
    for char in pictographs:
        yield from (char, char + "\ufe0f", f"\U0001f469\u200d{char}", f"{char}\u200d\u2642\ufe0f")
        yield char + SKIN[ord(char) % 5]
    yield from (f"{key}\ufe0f\u20e3" for key in "0123456789#*")
    regional = [chr(code) for code in range(0x1F1E6, 0x1F200)]
    yield from ("".join(pair) for pair in product(regional, repeat=2))
    yield "\U0001f3f4" + "".join(chr(0xE0000 + ord(char)) for char in "gbeng") + "\U000e007f"


@pytest.mark.parametrize("font", FONTS)
def test_letters_are_drawn_or_known_to_be_undrawable(font: Font) -> None:
    drawn = [char for char in letters() if not undrawable_scripts(char)]
    assert len(drawn) > 20_000
    chunks = [drawn[start : start + 64] for start in range(0, len(drawn), 64)]
    assert sum(boxes(" ".join(some), font) for some in chunks) == 0


def test_emoji_are_drawn_or_known_to_be_undrawable() -> None:
    drawn = [one for one in emoji() if not undrawable_scripts(one)]
    assert len(drawn) > 1000
    assert [one for one in drawn if boxes(one, Font(18))] == []


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("Plain, Ελλάδα, мир, שלום, 世界, سلام ❤️ 😀\r\n\t" + BLANKS, set()),
        ("각", {"Hangul"}),
        ("हिन्दी, বাংলা", {"Devanagari", "Bengali"}),
        ("தமிழ் ไทย አማርኛ", {"Tamil", "Thai", "Ethiopic"}),
        ("ہے", {"Arabic"}),
        ("🚀", {"emoji and symbols"}),
        ("\U0001f44d\U0001f3fd", {"emoji and symbols"}),
        ("🇩🇪", {"emoji and symbols"}),
        ("\x1b[1m", {"control characters"}),
        ("\U000e0067", {"formatting"}),
        ("\ue000\u0378", {"private use", "unassigned"}),
    ],
)
def test_scripts_that_no_face_draws_are_named(text: str, scripts: set[str]) -> None:
    assert undrawable_scripts(text) == scripts
