"""Typefaces at a size: which font draws which characters, and the library objects for it.

A `Font` is a chain: its first face is the one asked for, the others fill in what it lacks.
Knows nothing of lines or pages.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import NamedTuple

import freetype
import uharfbuzz as hb

from optimem.renderers.fonts import font_path

ASCENT, DESCENT = 1901 / 2048, 483 / 2048
"""Of DejaVu, in em; Droid lies within these."""

CHAINS: dict[tuple[bool, bool], tuple[str, ...]] = {
    (False, False): ("DejaVuSans", "DroidSansFallback"),
    (False, True): ("DejaVuSans-Bold", "DejaVuSans", "DroidSansFallback"),
    (True, False): ("DejaVuSansMono", "DejaVuSans", "DroidSansFallback"),
    (True, True): ("DejaVuSansMono-Bold", "DejaVuSansMono", "DejaVuSans", "DroidSansFallback"),
}
"""Faces in order of preference, by (mono, bold)."""

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0100-\U000e01ef]"
)
"""Characters that act without ink: joiners, direction marks, variation selectors. The tag
characters of U+E00xx are left out on purpose: they can hide text, so they show as boxes."""


class Font(NamedTuple):
    """`size` is the em in pixels."""

    size: int
    mono: bool = False
    bold: bool = False

    @property
    def chain(self) -> tuple[str, ...]:
        """Names of the faces, the preferred one first."""
        return CHAINS[self.mono, self.bold]

    @property
    def cell(self) -> int:
        """The advance of a monospaced font's characters in 1/64 px; 0 for a proportional one."""
        return int(harfbuzz_font(self.chain[0], self.size).get_glyph_h_advance(3)) * self.mono


@cache
def freetype_face(name: str) -> freetype.Face:
    """The face that draws outlines. Not safe to use from two threads at once."""
    return freetype.Face(str(font_path(name)))


@cache
def harfbuzz_face(name: str) -> hb.Face:
    """The face that shapes."""
    return hb.Face(hb.Blob.from_file_path(str(font_path(name))))


@cache
def harfbuzz_font(name: str, size: int) -> hb.Font:
    """A face whose lengths are 1/64 px at an em of `size` px."""
    font = hb.Font(harfbuzz_face(name))
    font.scale = (size * 64, size * 64)
    return font


@cache
def code_points(name: str) -> frozenset[int]:
    """What a face maps to a glyph."""
    return frozenset(harfbuzz_face(name).unicodes)


def clusters(text: str) -> Iterator[str]:
    """A character with the marks and joiners after it, the least that can be drawn alone."""
    start = 0
    for index in range(1, len(text)):
        char = text[index]
        joined = char >= "\u0300" and (
            unicodedata.category(char)[0] == "M"
            or INVISIBLE.match(char) is not None
            or text[index - 1] == "\u200d"
        )
        if not joined:
            yield text[start:index]
            start = index
    if text:
        yield text[start:]


@cache
def _has(name: str, char: str) -> bool:
    """Whether a face can draw a character, whole or taken apart as the shaper would."""
    known = code_points(name)
    return ord(char) in known or (
        len(parts := unicodedata.normalize("NFD", char)) > 1
        and all(ord(part) in known for part in parts)
    )


def _face_for(cluster: str, chain: tuple[str, ...]) -> str | None:
    visible = [char for char in cluster if not INVISIBLE.match(char)]
    return next((name for name in chain if all(_has(name, char) for char in visible)), None)


def face_runs(text: str, chain: tuple[str, ...]) -> Iterator[tuple[str | None, str]]:
    """`text` cut where the face changes, in order; None where no face has the character.

    A base whose mark is in no face together with it is drawn without, the mark apart.
    """
    chosen: list[tuple[str | None, str]] = []
    for cluster in clusters(text):
        face = _face_for(cluster, chain)
        whole = face is not None or len(cluster) == 1
        chosen += [(face, cluster)] if whole else [(_face_for(c, chain), c) for c in cluster]
    for face, group in groupby(chosen, key=lambda pair: pair[0]):
        yield face, "".join(cluster for _, cluster in group)
