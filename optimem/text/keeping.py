"""What of a page must come back to the letter: all of it, what must stay exact, or nothing.

Knows nothing of tiers: the policy says which tier keeps what.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from optimem.protocols import Reading
from optimem.text.exact import kept_values


class Keep(StrEnum):
    """What is kept exact on a page.

    `ALL`: every character. `VALUES`: ids, numbers, names and code; the rest is as read, and marked
    where doubtful. `NOTHING`: all of it is as read.
    """

    ALL = "all"
    VALUES = "values"
    NOTHING = "nothing"


def kept_cells(reading: Reading, size: int, keep: Keep) -> NDArray[np.bool_] | None:
    """(size,): the cells of a page that `keep` asks for, of which the first to the last show
    `reading`. A character keeps all cells up to the next one's. None for `NOTHING`."""
    if keep is Keep.NOTHING:
        return None
    if keep is not Keep.VALUES or not reading.text:
        return np.full(size, keep is Keep.ALL)
    kept = np.zeros(len(reading.text), np.bool_)
    for start, end in kept_values(reading.text):
        kept[start:end] = True
    before, widths = reading.cell[0], np.diff(reading.cell, append=size)
    return np.concatenate([np.zeros(before, np.bool_), np.repeat(kept, widths)])
