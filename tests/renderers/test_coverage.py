"""No page shows a box for a letter of the thirty most written languages, or for an emoji: it is
drawn, or known beforehand to be undrawable, so that it stays text.

The languages: those with most speakers who read (Ethnologue 2023) and most articles on Wikipedia;
together nearly all that is written. Unicode's names of characters begin with their scripts.
"""

import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from optimem.renderers.layout import wrap
from optimem.renderers.raster import glyph_bitmap
from optimem.renderers.shaping import Shaped
from optimem.renderers.typefaces import BLANKS, CHAINS, Font, undrawable_scripts

LANGUAGES = {
    "LATIN": "English, Spanish, Portuguese, French, German, Indonesian, Vietnamese, Turkish, "
    "Italian, Polish, Swahili, Hausa",
    "CYRILLIC": "Russian, Ukrainian", "GREEK": "Greek", "HEBREW": "Hebrew", "CJK": "Chinese",
    "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean",
    "ARABIC": "Arabic, Persian, Urdu, Pashto", "DEVANAGARI": "Hindi, Marathi, Nepali",
    "BENGALI": "Bengali", "GURMUKHI": "Punjabi", "GUJARATI": "Gujarati", "TAMIL": "Tamil",
    "TELUGU": "Telugu", "KANNADA": "Kannada", "MALAYALAM": "Malayalam", "THAI": "Thai",
    "MYANMAR": "Burmese", "ETHIOPIC": "Amharic", "ORIYA": "Odia", "SINHALA": "Sinhala",
    "KHMER": "Khmer", "LAO": "Lao", "GEORGIAN": "Georgian", "ARMENIAN": "Armenian",
}  # fmt: skip
"""By script: the thirty, and those of other national languages."""

BASIC_PLANE = 0x10000
"""Below it are all letters in daily use; above: rare ideographs, notations, old scripts."""

EMOJI = (Path(__file__).parent / "emoji.txt").read_text(encoding="utf-8").split()
"""All sequences recommended for general interchange (RGI), from the package emoji 2.16."""

FONTS = [Font(18, *style) for style in CHAINS]
SKIN = [chr(code) for code in range(0x1F3FB, 0x1F400)]


def shaped(text: str, font: Font) -> list[Shaped]:
    lines = wrap(text, font, 1 << 30, words=True)
    return [part for line in lines for _, part in line.parts]


def boxes(text: str, font: Font) -> int:
    parts = shaped(text, font)
    return sum(len(s.missing) + sum(glyph.number == 0 for glyph in s.glyphs) for s in parts)


def inked(text: str, font: Font) -> int:
    """How many glyphs leave ink, boxes included; that of a variation selector leaves none."""
    parts = shaped(text, font)
    glyphs = [glyph_bitmap(*glyph[:3]) for part in parts for glyph in part.glyphs]
    return sum(len(s.missing) for s in parts) + sum(g.coverage.any() for g in glyphs)


@cache
def letters(script: str) -> list[str]:
    return [
        char
        for char in map(chr, range(sys.maxunicode))
        if unicodedata.category(char)[0] in "LMN"
        and unicodedata.name(char, "-").split(" ")[0] == script
    ]


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


@pytest.mark.parametrize("script", LANGUAGES)
def test_letters_are_drawn_or_known_to_be_undrawable(script: str) -> None:
    drawn = [char for char in letters(script) if not undrawable_scripts(char)]
    chunks = [drawn[start : start + 64] for start in range(0, len(drawn), 64)]
    for font in FONTS:
        assert sum(boxes(" ".join(some), font) for some in chunks) == 0


@pytest.mark.parametrize("script", LANGUAGES)
def test_letters_in_daily_use_are_drawn(script: str) -> None:
    used = [char for char in letters(script) if ord(char) < BASIC_PLANE]
    missing = [char for char in used if undrawable_scripts(char)]
    assert len(used) > 60
    assert len(missing) <= len(used) / (15 if script != "LAO" else 4), "".join(missing)


def test_whatever_is_assigned_is_drawn_or_known_to_be_undrawable() -> None:
    chars = [
        chr(code) for code in (*range(0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x1FC00))
    ]
    drawn = [char for char in chars if not undrawable_scripts(char)]
    assert [char for char in drawn if boxes(f"a{char}", Font(18))] == []


@pytest.mark.parametrize("mono", [False, True])
def test_every_emoji_is_drawn_as_one(mono: bool) -> None:
    assert len(EMOJI) > 3900
    assert undrawable_scripts("".join(EMOJI)) == frozenset()
    assert [one for one in EMOJI if inked(one, Font(18, mono)) != 1] == []
    assert [one for one in EMOJI if boxes(one, Font(18, mono))] == []


def test_odd_emoji_are_drawn_or_known_to_be_undrawable() -> None:
    drawn = [one for one in emoji() if not undrawable_scripts(one)]
    assert len(drawn) > 1000
    assert [one for one in drawn if boxes(one, Font(18))] == []


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("Plain, Ελλάδα, мир, שלום, 世界, سلام ❤️ 😀 각 ہے हिन्दी ไทย\r\n\t\x1b[1m" + BLANKS, set()),
        ("🚀 \U0001f44d\U0001f3fd 🇩🇪", set()),
        ("𓀀 𒀀 𐎀", {"Egyptian", "Cuneiform", "Ugaritic"}),
        ("𝄞", {"emoji and symbols"}),
        ("\x9b", {"control characters"}),
        ("\U000e0067", {"formatting"}),
        ("\ue000\u0378", {"private use", "unassigned"}),
    ],
)
def test_scripts_that_no_face_draws_are_named(text: str, scripts: set[str]) -> None:
    assert undrawable_scripts(text) == scripts
