"""Reading direction: which way a paragraph runs, and the order in which pieces are seen.

The Unicode bidirectional algorithm itself is python-bidi's; this asks it about pieces of
text instead of characters. Knows nothing of fonts or widths.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from bidi import get_base_level, get_display

RTL = re.compile(
    "[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff"
    "\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""Characters without which everything runs left to right."""

HIGH, LOW = 0xE0020, 0xE0050
"""Tag characters, which the algorithm ignores and carries along (class BN): two of them, as
the digits of a number to the base 48, mark a piece."""
DIGITS = range(LOW, 2 * LOW - HIGH)

END, NOT_END = "\ufffd", "\ufffc"
"""A neutral last character, without which markers at the end of a line would be moved; and
what stands in for it elsewhere."""

MOST_PIECES = (LOW - HIGH) ** 2
"""Pieces that one line may have."""

STRONG_OR_NUMBER = {"L", "R", "AL", "EN", "AN"}


class Seen(NamedTuple):
    """`place` of a piece in text order, and whether it runs right to left."""

    place: int
    rtl: bool


def is_rtl(text: str) -> bool:
    """Whether a paragraph's first strong character runs right to left."""
    return bool(RTL.search(text)) and get_base_level(text) == 1


def pieces(text: str) -> list[str]:
    """`text` cut so that each piece has one direction whatever stands around it."""
    found: list[str] = []
    for kind, group in groupby(_kinds(text), key=lambda pair: pair[1]):
        chars = [char for char, _ in group]
        found += ["".join(chars)] if kind in STRONG_OR_NUMBER else chars
    return found


def _kinds(text: str) -> list[tuple[str, str]]:
    """Each cluster with its bidirectional class."""
    kinds: list[tuple[str, str]] = []
    for char in text:
        kind = unicodedata.bidirectional(char) or "L"
        if kind in ("NSM", "BN") and kinds:
            kinds[-1] = (kinds[-1][0] + char, kinds[-1][1])
        else:
            kinds.append((char, kind))
    return kinds


def visual_order(parts: Sequence[str], rtl: bool) -> list[Seen]:
    """The order, left to right, in which the `pieces` of one line are seen.

    Each piece is stood in for by its first character and a marker; the marker comes out
    after that character where the piece runs left to right, and before it where it does not.
    """
    text = "".join(_stand_in(part) + _marker(index) for index, part in enumerate(parts))
    shown = get_display(text + END, base_dir="R" if rtl else "L").replace(END, "")
    order = []
    for start in range(0, len(shown), 3):
        first, middle, last = shown[start : start + 3]
        reverse = ord(first) in DIGITS
        low = first if reverse else last
        order.append(Seen((ord(middle) - HIGH) * (LOW - HIGH) + ord(low) - LOW, reverse))
    return order


def _stand_in(part: str) -> str:
    """One character of the same class; a space for a tab, which would move markers too."""
    if part[0] == END:
        return NOT_END
    return " " if unicodedata.bidirectional(part[0]) in ("S", "B") else part[0]


def _marker(index: int) -> str:
    high, low = divmod(index, LOW - HIGH)
    return chr(HIGH + high) + chr(LOW + low)
