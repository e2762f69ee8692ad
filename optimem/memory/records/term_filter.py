"""Which terms a segment may hold, in a byte a term: a Bloom filter, so that a word that is not
there is not looked for in its blocks. One in about forty other terms seems to be there.
"""

import numpy as np
from numpy.typing import NDArray

_FACTORS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)
"""Odd numbers that spread terms over the bits of a filter, each in its own way."""
_WORD = (1 << 64) - 1


def term_filter(terms: NDArray[np.uint32]) -> bytes:
    """A filter of some terms, none of them twice."""
    wide, marked = terms.astype(np.uint64), np.zeros(8 * len(terms), bool)
    for factor in _FACTORS:
        marked[(wide * np.uint64(factor) >> np.uint64(32)) % np.uint64(max(marked.size, 1))] = True
    return np.packbits(marked, bitorder="little").tobytes()


def may_hold(filter: bytes, term: int) -> bool:
    """Whether a term may be one of those of a filter; True for an empty filter."""
    bits = 8 * len(filter)
    for factor in _FACTORS if bits else ():
        at = ((term * factor & _WORD) >> 32) % bits
        if not filter[at >> 3] >> (at & 7) & 1:
            return False
    return True
