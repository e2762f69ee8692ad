"""Where a line may end: a small part of UAX 14, for spaces, URLs and CJK.

Breaks are allowed after spaces; after "-", "/", "?" and "&" before a letter; and between CJK
characters, except before closing and after opening punctuation. Knows nothing of widths.
"""

import re
from collections.abc import Iterator

from optimem.renderers.typefaces import clusters

SPACE = "[ \t\u1680\u2000-\u2006\u2008-\u200a\u205f\u3000\u200b]"
"""White space at which lines break (the no-break spaces are not among it)."""

WORD = re.compile(f"{SPACE}+|(?:(?!{SPACE}).)+", re.DOTALL)

IDEOGRAPHIC = (
    "\u2e80-\u2fff\u3001-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60"
    "\U0001f000-\U0001faff\U00020000-\U0003fffd"
)
OPENING = re.escape("([{‘“（［｛〈《「『【〔〖〘〚｟")
CLOSING = re.escape(
    ")]}’”%!?,.:;、。，．・：；！？）］｝〉》」』】〕〗〙〛｠…‥々ゝゞヽヾー〻゛゜"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ"
)
ATTACHED = "\u0300-\u036f\u200d\u20e3\u3099\u309a\ufe00-\ufe0f\U0001f3fb-\U0001f3ff"
"""Marks and joiners: they stay with the character before them."""

BREAK = re.compile(
    r"(?<=[^\W\d]-)(?=[^\W\d])"
    r"|(?<=[/?&])(?=\w)"
    rf"|(?<=[{IDEOGRAPHIC}])(?<![{OPENING}])(?![{CLOSING}{ATTACHED}]|$)"
    rf"|(?<![{OPENING}\u200d])(?=[{IDEOGRAPHIC}])(?![{CLOSING}{ATTACHED}])(?!^)"
)

LONGEST = 256
"""Characters that are kept together at most; no line that can be read is longer."""


def units(text: str) -> Iterator[str]:
    """`text` cut wherever a line may end; runs of white space are units of their own."""
    for word in WORD.findall(text):
        start = 0
        for found in BREAK.finditer(word):
            yield from _short(word[start : found.start()])
            start = found.start()
        yield from _short(word[start:])


def _short(unit: str) -> Iterator[str]:
    """`unit`, or parts of it of at most LONGEST characters, between clusters if possible."""
    if len(unit) <= LONGEST:
        yield unit
        return
    held = ""
    for cluster in clusters(unit):
        if len(held) + len(cluster) > LONGEST:
            yield held
            held = ""
        held += cluster
        while len(held) > LONGEST:
            yield held[:LONGEST]
            held = held[LONGEST:]
    yield held
