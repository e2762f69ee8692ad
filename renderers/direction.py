"""Reading direction: which way a paragraph runs, and the visual order of its pieces.

python-bidi implements the Unicode bidirectional algorithm; this module applies it to pieces of
text instead of characters. Knows nothing of fonts or widths.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from bidi import get_base_level, get_display

from optimem.renderers.typefaces import graphemes

RTL = re.compile(
    "[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff"
    "\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""Characters that can make text run right to left."""

STRONG_OR_NUMBER = {"L", "R", "AL", "EN", "AN"}
"""Bidirectional classes whose runs keep one direction whatever is next to them."""

HIGH_DIGIT, LOW_DIGIT = 0xE0020, 0xE0050
"""The first high and the first low digit of a marker, which numbers a piece to the base 48. All
digits are tag characters: the algorithm ignores them and carries them along (class BN)."""

BASE = LOW_DIGIT - HIGH_DIGIT
LOW_DIGITS = range(LOW_DIGIT, LOW_DIGIT + BASE)
MAX_PIECES = BASE**2
"""The most pieces that a line may have."""

END, NOT_END = "\ufffd", "\ufffc"
"""A neutral character that ends a line, because the algorithm would move markers at its end; and
its substitute elsewhere."""


class VisualPiece(NamedTuple):
    """A piece of a line. `number`: its index in text order; `rtl`: it runs right to left."""

    number: int
    rtl: bool


def is_rtl(text: str) -> bool:
    """Whether a paragraph runs right to left, as its first strong character does."""
    return bool(RTL.search(text)) and get_base_level(text) == 1


def pieces(text: str) -> list[str]:
    """`text` cut into pieces that each have one direction, whatever is next to them."""
    found: list[str] = []
    for kind, group in groupby(_classes(text), key=lambda pair: pair[1]):
        chars = [char for char, _ in group]
        found += ["".join(chars)] if kind in STRONG_OR_NUMBER else chars
    return found


def visual_order(parts: Sequence[str], rtl: bool) -> list[VisualPiece]:
    """The pieces of one line from left to right. `rtl`: the paragraph runs right to left.

    Each piece is represented by one character and a marker. The algorithm puts the marker after
    that character if the piece runs left to right, and before it otherwise.
    """
    if not rtl and not RTL.search("".join(parts)):
        return [VisualPiece(number, rtl=False) for number in range(len(parts))]
    text = "".join(_representative(part) + _marker(number) for number, part in enumerate(parts))
    shown = get_display(text + END, base_dir="R" if rtl else "L").replace(END, "")
    order = []
    for start in range(0, len(shown), 3):
        first, middle, last = shown[start : start + 3]
        reverse = ord(first) in LOW_DIGITS
        low = first if reverse else last
        number = (ord(middle) - HIGH_DIGIT) * BASE + ord(low) - LOW_DIGIT
        order.append(VisualPiece(number, reverse))
    return order


def _classes(text: str) -> list[tuple[str, str]]:
    """Each character, with its marks and joiners, and its bidirectional class."""
    classes: list[tuple[str, str]] = []
    for grapheme in graphemes(text):
        kind = unicodedata.bidirectional(grapheme[0]) or "L"
        if kind in ("NSM", "BN") and classes:
            classes[-1] = (classes[-1][0] + grapheme, classes[-1][1])
        else:
            classes.append((grapheme, kind))
    return classes


def _representative(part: str) -> str:
    """A character of the same class as a piece. Not one that the algorithm moves, as it does tabs,
    or ignores, as it does a mark or joiner without a base."""
    kind = unicodedata.bidirectional(part[0])
    if part[0] == END or kind in ("NSM", "BN"):
        return NOT_END
    return " " if kind in ("S", "B") else part[0]


def _marker(number: int) -> str:
    high, low = divmod(number, BASE)
    return chr(HIGH_DIGIT + high) + chr(LOW_DIGIT + low)
