"""Typefaces at a size: which face draws which characters, and FreeType's and HarfBuzz's objects.

A `Font` is a chain of faces: the first is preferred, the others draw what it lacks. Knows nothing
of lines or pages.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import groupby
from typing import NamedTuple

import freetype
import uharfbuzz as hb

from optimem.renderers.fonts import SCRIPT_FONTS, font_path

ASCENT, DESCENT = 1901 / 2048, 483 / 2048
"""Of DejaVu, in em; Droid's are smaller."""

FALLBACKS = ("DroidSansFallback", *SCRIPT_FONTS)
"""Faces for what DejaVu lacks."""

CHAINS: dict[tuple[bool, bool], tuple[str, ...]] = {
    (False, False): ("DejaVuSans", *FALLBACKS),
    (False, True): ("DejaVuSans-Bold", "DejaVuSans", *FALLBACKS),
    (True, False): ("DejaVuSansMono", "DejaVuSans", *FALLBACKS),
    (True, True): ("DejaVuSansMono-Bold", "DejaVuSansMono", "DejaVuSans", *FALLBACKS),
}
"""Faces in order of preference, by (mono, bold)."""

JOINED = (*range(0x600, 0x700), *range(0x750, 0x780), *range(0x7C0, 0x900))
"""Arabic, NKo and Syriac, of which DejaVu has some letters: a word needs one face, or its letters
do not join."""

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0100-\U000e01ef]"
)
"""Characters without ink: joiners, direction marks, variation selectors. Not `TAGS`."""

SKIN_TONES = range(0x1F3FB, 0x1F400)
TAGS = range(0xE0020, 0xE0080)
TAG_FLAGS = re.compile(
    "\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    "|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
"""The flags of England, Scotland and Wales: a black flag, and tags that spell gbeng, gbsct or
gbwls. A face draws tags nowhere else, as they could hide text."""

NEVER_ALONE = (*TAGS, *range(0x80, 0xA0))
"""What some faces show as nothing, or as a box: tags, and controls."""

BLANKS = "\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029\u115f\u1160\u3164\uffa0"
"""White space that no face has, and Hangul's fillers: drawn as spaces."""

CONTROL_SIGNS = {code: 0x2400 + code for code in range(0x20)} | {0x0A: 0x23CE, 0x7F: 0x2421}
DRAWN_AS = CONTROL_SIGNS | dict.fromkeys(map(ord, BLANKS), 0x20)
"""What is drawn in place of a character: the sign for a control, ⏎ for a newline within a line."""

UNWRITTEN = {
    "Cc": "control characters",
    "Co": "private use",
    "Cn": "unassigned",
    "Cf": "formatting",
}
"""What stands for a script's name, by the category of a character without a script."""


class Font(NamedTuple):
    """A typeface at a size. `size`: the em in pixels."""

    size: int
    mono: bool = False
    bold: bool = False

    @property
    def chain(self) -> tuple[str, ...]:
        """The names of its faces, the preferred one first."""
        return CHAINS[self.mono, self.bold]

    @property
    def cell(self) -> int:
        """The width of a monospaced font's characters in 1/64 px; 0 for a proportional font."""
        return int(harfbuzz_font(self.chain[0], self.size).get_glyph_h_advance(3)) * self.mono


@cache
def freetype_face(name: str) -> freetype.Face:
    """A face for drawing. Two threads must not use it at the same time."""
    return freetype.Face(str(font_path(name)))


@cache
def harfbuzz_face(name: str) -> hb.Face:
    """A face for shaping."""
    return hb.Face(hb.Blob.from_file_path(str(font_path(name))))


@cache
def harfbuzz_font(name: str, size: int) -> hb.Font:
    """A face at an em of `size` px, with lengths in 1/64 px."""
    font = hb.Font(harfbuzz_face(name))
    font.scale = (size * 64, size * 64)
    return font


@cache
def code_points(name: str) -> frozenset[int]:
    """The code points that a face draws."""
    known = frozenset(harfbuzz_face(name).unicodes)
    return known.difference(JOINED if name.startswith("DejaVu") else NEVER_ALONE)


def undrawable_scripts(text: str) -> frozenset[str]:
    """The scripts of the characters that no face draws, as Unicode names them; "emoji and symbols"
    for characters of no script. Such characters are drawn as boxes in every font, others in none:
    all chains hold the faces of the first."""
    if text.isascii():
        return frozenset()
    chars = set(TAG_FLAGS.sub("", text))
    return frozenset(script for char in chars if (script := _undrawable_script(char)))


@cache
def _undrawable_script(char: str) -> str:
    """Empty if some face draws a character, or it has no ink."""
    drawn = char.translate(DRAWN_AS)
    if INVISIBLE.match(drawn) or _face_for(drawn, CHAINS[False, False]):
        return ""
    kind = unicodedata.category(char)
    if kind[0] in "LM":
        return unicodedata.name(char, "unnamed").split()[0].title()
    return UNWRITTEN.get(kind, "emoji and symbols")


def graphemes(text: str) -> Iterator[str]:
    """`text` cut into characters, each with the marks and joiners after it: the smallest parts
    that can be drawn alone (a simplified UAX 29)."""
    start = 0
    for index in range(1, len(text)):
        char = text[index]
        joined = char >= "\u0300" and (
            unicodedata.category(char)[0] == "M"
            or ord(char) in SKIN_TONES
            or ord(char) in TAGS
            or INVISIBLE.match(char) is not None
            or text[index - 1] == "\u200d"
        )
        if not joined:
            yield text[start:index]
            start = index
    if text:
        yield text[start:]


def face_runs(text: str, chain: tuple[str, ...]) -> Iterator[tuple[str | None, str]]:
    """`text` cut where the face changes, each part with its face; None where no face has the
    character.

    If no face has both a base and its marks, they are drawn one by one.
    """
    chosen: list[tuple[str | None, str]] = []
    for grapheme in graphemes(text):
        face = _face_for(grapheme, chain)
        whole = face is not None or len(grapheme) == 1
        chosen += [(face, grapheme)] if whole else [(_face_for(c, chain), c) for c in grapheme]
    for face, group in groupby(chosen, key=lambda pair: pair[0]):
        yield face, "".join(part for _, part in group)


@lru_cache(maxsize=1 << 16)
def _face_for(grapheme: str, chain: tuple[str, ...]) -> str | None:
    if TAG_FLAGS.fullmatch(grapheme):
        return "NotoEmoji"
    visible = [char for char in grapheme if not INVISIBLE.match(char)]
    return next((name for name in chain if all(_has(name, char) for char in visible)), None)


@cache
def _has(name: str, char: str) -> bool:
    """Whether a face can draw a character, precomposed or decomposed as the shaper would."""
    known = code_points(name)
    return ord(char) in known or (
        len(parts := unicodedata.normalize("NFD", char)) > 1
        and all(ord(part) in known for part in parts)
    )
