"""Nothing takes a page to be dense: rows that a newline ends, cells that stand for no text, a
page that holds few tokens, a reader that misreads."""

from pathlib import Path

import numpy as np

from optimem.evaluation import tables
from optimem.evaluation.baselines import line_end
from optimem.evaluation.report import write_report
from optimem.protocols import Box, Cells, PageCodec, ReadCells, Reading
from optimem.testing.pages import COLUMNS, PlainModel, PlainRenderer
from optimem.tiers import Tier
from optimem.turns import Role
from tests.evaluation.test_run import TEXT, run

FILLER = 59_999


class LinedRenderer(PlainRenderer):
    """A newline begins a new row; the rest of the row is filled."""

    version = "lined"

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


def lined(lost: dict[Tier, int]) -> PageCodec:
    reader = PlainModel(lost)
    return PageCodec(LinedRenderer(), reader, reader)


def test_a_whole_run_on_pages_of_lines(tmp_path: Path) -> None:
    reader = lined({Tier.TINY: 7, Tier.TRACE: 1})
    found = run(model=reader, ratios=(0.2,), tiers=tuple(Tier), controlled=True)
    full = {
        part["tier"]: part["figures"]["right"]["value"]
        for part in tables.parts(found, "score")
        if part["kind"] == "prose" and part["asked"] is None
    }
    assert full["large"] == full["base"] == full["small"] == 1
    assert full["tiny"] < 0.99
    assert full["trace"] < 0.1  # nothing can be read
    write_report(found, TEXT.text, reader, tmp_path / "report.html")
    assert "small" in (tmp_path / "report.html").read_text()


def test_rows_of_such_a_page_end_lines() -> None:
    assert line_end(LinedRenderer()) == "\n"
