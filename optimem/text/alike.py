"""Words that mean much the same, "dog" and "puppy", "vehicle" and "car"; and how common each is.

A table of English words, learnt from a sentence model (`optimem.training.alike` makes it), and
keyed by the hashes that an index knows words by, so that a search in other words needs nothing
that is stored. Knows nothing of texts or of what is searched.
"""

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WORDS = Path(__file__).with_name("alike.npy")
NEAR = 24
"""Words that are known of each, at most."""
ROW = np.dtype(
    [("term", "<u4"), ("bits", "u1"), ("near", "<u2", (NEAR,)), ("share", "u1", (NEAR,))]
)
"""A word: its hash, what it tells in eighths of a bit, the rows of those that mean much the same,
and how much each counts, in 255ths; 0 for none. Rows are sorted by hash."""
RARE = 25.0
"""Bits that a word tells which is not in the table."""
KEPT = 4096
"""Words of questions whose likes are kept in memory."""


@lru_cache(KEPT)
def alike(term: int) -> tuple[tuple[int, float], ...]:
    """The terms (see `optimem.text.terms`) of words that mean much the same as that of `term`,
    each with how much it counts, from 0 to 1; the likest first. Empty for an unknown word."""
    row = _row(term)
    if row is None:
        return ()
    _, known = _table()
    return tuple(
        (int(known[near]), share / 255)
        for near, share in zip(row["near"].tolist(), row["share"].tolist(), strict=True)
        if share
    )


def with_alike(term: int) -> dict[int, float]:
    """The same with the word itself, which counts 1."""
    return {**dict(alike(term)), term: 1.0}


def bits(term: int) -> float:
    """What a word tells in English at large, in bits: 8 for a common word, 20 for a rare one."""
    row = _row(term)
    return RARE if row is None else float(row["bits"]) / 8


def _row(term: int) -> Any:
    table, known = _table()
    at = int(np.searchsorted(known, term))
    return table[at] if at < len(known) and known[at] == term else None


@cache
def _table() -> tuple[NDArray[np.void], NDArray[np.uint32]]:
    """All words, and their hashes."""
    table: NDArray[np.void] = np.load(WORDS, mmap_mode="r")
    return table, table["term"].copy()
