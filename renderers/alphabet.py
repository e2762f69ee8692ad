"""The dense alphabets: the symbols that a cell can show, and their ids.

Common symbols come first (ASCII and marks), so that a model can spend most of its output on them;
then the tail (accents, Greek, Cyrillic, symbols, kana). What else an alphabet has is up to the way
it spells other characters: see `escapes` and `codes`. Knows nothing of pixels.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from optimem.turns import ROLES, Role

NEWLINE, TAB = "\n", "\t"
ROLE_MARKS: tuple[str, ...] = tuple(f"<{role}>" for role in ROLES)
ESCAPE, END, WIDE = "<escape>", "<end>", "<wide>"
MARKS = (*ROLE_MARKS, ESCAPE, END, WIDE)
"""Marks that the shipped atlas shows."""

TEXT = (*(chr(code) for code in range(32, 127)), NEWLINE, TAB, *ROLE_MARKS)
"""The common symbols that every alphabet has."""
COMMON = (*TEXT, ESCAPE, END, WIDE)
"""The common symbols of the shipped atlas, in its order."""

TAIL_RANGES = (
    (0x00A0, 0x00AC), (0x00AE, 0x00FF), (0x2010, 0x2027), (0x2500, 0x2503), (0x0100, 0x017F),
    (0x0386, 0x03CE), (0x0400, 0x045F), (0x0490, 0x0493), (0x2030, 0x205E), (0x20A0, 0x20BF),
    (0x2190, 0x21B4), (0x21B6, 0x21E4), (0x21E6, 0x21FF), (0x2200, 0x22FF), (0x2504, 0x259F),
    (0x2070, 0x209C), (0x2100, 0x218F), (0x25A0, 0x25FF), (0x2600, 0x2606), (0x2610, 0x2612),
    (0x2639, 0x263B), (0x2640, 0x2642), (0x2660, 0x266F), (0x2680, 0x2685), (0x26A0, 0x26A1),
    (0x2701, 0x2727), (0x2736, 0x273F), (0x2756, 0x2756), (0x2764, 0x2764), (0x2776, 0x2794),
    (0x2799, 0x27BE), (0x27E6, 0x27EB), (0x2300, 0x2311), (0x2318, 0x231B), (0x2320, 0x2328),
    (0x237D, 0x237D), (0x23CE, 0x23CF), (0x1E00, 0x1EFF), (0x0192, 0x0192), (0x01A0, 0x01A1),
    (0x01AF, 0x01B0), (0x01CD, 0x01DC), (0x01E6, 0x01E7), (0x0218, 0x021B), (0x0259, 0x0259),
    (0x02BB, 0x02BD), (0x02C6, 0x02DD), (0x0370, 0x037F), (0x03D0, 0x03FF), (0x0462, 0x0463),
    (0x0472, 0x0475), (0x0494, 0x04FF), (0x2800, 0x2800), (0x3001, 0x3003), (0x300C, 0x300F),
    (0x3041, 0x3094), (0x30A1, 0x30FC), (0xFFFD, 0xFFFD),
)  # fmt: skip
"""Ranges of code points, ends included. The alphabet has those that the fonts can draw."""


class Alphabet:
    """Symbols in the order of their ids, of which the first `common` are frequent. A symbol of one
    character stands for it, another for none. V is their number."""

    def __init__(self, symbols: Sequence[str], common: int) -> None:
        self.symbols, self.common = tuple(symbols), common
        self._ids = {symbol: index for index, symbol in enumerate(symbols)}
        self.characters = np.array([ord(s) if len(s) == 1 else 0 for s in symbols], np.uint32)
        """(V,) code points; 0 for marks and the like."""
        self._table = np.full(0x110000, len(symbols), np.uint16)  # V: not in the alphabet
        single = np.flatnonzero(self.characters)
        self._table[self.characters[single]] = single

    def __len__(self) -> int:
        return len(self.symbols)

    def id(self, symbol: str) -> int:
        """The id of a symbol or mark. Raises KeyError if the alphabet lacks it."""
        return self._ids[symbol]

    def role_mark(self, role: Role) -> int:
        """The id of a role's mark."""
        return self._ids[f"<{role}>"]

    def lookup(self, codes: NDArray[np.uint32]) -> NDArray[np.uint16]:
        """The ids of code points, each at most U+10FFFF; V for one that the alphabet lacks."""
        return self._table[codes]


@cache
def tail() -> tuple[str, ...]:
    """The characters of the shipped atlas after the common ones: those of alphabet.txt."""
    text = files(__package__).joinpath("data/alphabet.txt").read_text("utf-8")
    return tuple(char for char in text.split("\n") if char)


def code_points(text: str) -> NDArray[np.uint32]:
    """The code points of a text, lone surrogates among them."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def is_wide(char: str) -> bool:
    """Whether the shipped atlas shows a character in two cells."""
    return 0x3001 <= ord(char[0]) <= 0x30FF
