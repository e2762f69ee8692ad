"""The dense alphabet: the symbols that a cell can show, and their ids.

Common symbols come first (ASCII and marks), so that a model can spend most of its output on them;
then the tail (accents, Greek, Cyrillic, symbols, kana). A character outside the alphabet is
spelled as ESCAPE, its code point in hexadecimal, END. Kana take two cells: their own symbol,
which shows the left half, and WIDE, which shows the right half. Knows nothing of pixels.
"""

from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from optimem.turns import ROLES, Role

NEWLINE, TAB = "\n", "\t"
ROLE_MARKS: tuple[str, ...] = tuple(f"<{role}>" for role in ROLES)
ESCAPE, END, WIDE = "<escape>", "<end>", "<wide>"
MARKS = (*ROLE_MARKS, ESCAPE, END, WIDE)
"""Symbols that do not stand for a character of the text."""

COMMON = (*(chr(code) for code in range(32, 127)), NEWLINE, TAB, *MARKS)
HEX = "0123456789abcdef"
LONGEST_ESCAPE = 8
"""Cells of the longest escape: ESCAPE, six digits, END."""

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
    """Symbols in the order of their ids: the common ones, then the tail. V is their number."""

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self.symbols = symbols
        self._ids = {symbol: index for index, symbol in enumerate(symbols)}
        self._table = np.full(0x110000, len(symbols), np.uint16)  # V: not in the alphabet
        for symbol, index in self._ids.items():
            if symbol not in MARKS:
                self._table[ord(symbol)] = index
        self.wide: NDArray[np.bool_] = np.array(
            [symbol not in MARKS and is_wide(symbol) for symbol in symbols]
        )
        """(V,) whether a symbol is the left half of a wide character."""

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def common(self) -> int:
        """The number of common symbols, which have the lowest ids."""
        return len(COMMON)

    def id(self, symbol: str) -> int:
        """The id of a symbol or mark. Raises KeyError if the alphabet lacks it."""
        return self._ids[symbol]

    def role_mark(self, role: Role) -> int:
        """The id of a role's mark."""
        return self._ids[f"<{role}>"]

    def lookup(self, text: str) -> NDArray[np.uint16]:
        """The ids of characters, (len(text),); V for a character that the alphabet lacks."""
        return self._table[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)]


@cache
def load_alphabet() -> Alphabet:
    """The shipped alphabet: the common symbols, then the characters of alphabet.txt."""
    tail = files(__package__).joinpath("data/alphabet.txt").read_text("utf-8").split("\n")
    return Alphabet((*COMMON, *(char for char in tail if char)))


def is_wide(char: str) -> bool:
    """Whether a character takes two cells."""
    return 0x3001 <= ord(char[0]) <= 0x30FF
