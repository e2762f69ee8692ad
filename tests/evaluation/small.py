"""A run small enough to reason about: a text of 400-cell pages, and a decoder that loses a fixed
share of the characters at the small tiers.
"""

from typing import Any

import numpy as np

from optimem.evaluation.corpora import Corpus
from optimem.evaluation.run import evaluate
from optimem.protocols import Box, Cells, PageCodec, ReadCells, Reading
from optimem.testing import PlainModel, PlainRenderer, plain_codec
from optimem.testing.pages import COLUMNS
from optimem.tiers import Tier
from optimem.turns import Role

PROSE = Corpus("prose", "".join(f"Line {n} says port {n * 37}.\n" for n in range(120)), False)
LOST = {Tier.TRACE: 10, Tier.TINY: 20}
FILLER = 59_999


def run(**changed: Any) -> dict[str, Any]:
    """The result of a small evaluation."""
    return evaluate(**{
        "corpora": [PROSE], "codec": plain_codec(LOST), "ratios": (0.2, 1.0), "pages": 3,
        "tokenizer": "bytes", "controlled": False, **changed,
    })  # fmt: skip


class RowRenderer(PlainRenderer):
    """A newline begins a new row; the rest of the row is filled."""

    version = "rows"

    def cells(self, text: str, role: Role | None = None) -> Cells:
        found = list(super().cells("", role))
        for char in text:
            found.append(ord(char))
            if char == "\n":
                found += [FILLER] * (-len(found) % COLUMNS)
        return np.array(found, np.uint16)

    def text(self, read: ReadCells) -> Reading:
        kept = np.flatnonzero(read.ids != FILLER)
        reading = super().text(ReadCells(read.ids[kept], read.probability[kept]))
        return Reading(reading.text, reading.probability, kept[reading.cell])

    def box(self, cell: int, tier: Tier) -> Box:
        y, x = divmod(cell, COLUMNS)
        size = tier.value / COLUMNS
        return Box(x * size, y * size, (x + 1) * size, (y + 1) * size)


def row_codec(lost: dict[Tier, int]) -> PageCodec:
    reader = PlainModel(lost)
    return PageCodec(RowRenderer(), reader, reader)
