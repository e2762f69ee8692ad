"""The overview: a panel for each tier, its line boxed, and each character below its cell."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from optimem.renderers.dense import COLUMNS, ROWS, DenseRenderer
from optimem.renderers.overview import (
    BOX,
    CELL,
    HEADER_HEIGHT,
    MARGIN,
    PANEL_HEIGHT,
    SHOWN_CELLS,
    TITLE_HEIGHT,
    WIDTH,
    Mark,
    ShownLine,
    TierPanel,
    save_overview,
)
from optimem.tiers import Tier

RENDERER = DenseRenderer()
CELLS = RENDERER.cells("X" * COLUMNS + "-" * COLUMNS + "X" * COLUMNS * 78)
MARKS = [Mark.READ] * 40 + [Mark.VERBATIM] * 4 + [Mark.DOUBTFUL] * 2


def panel(tier: Tier, start: int) -> TierPanel:
    line = ShownLine(start, "e" * SHOWN_CELLS, MARKS)
    return TierPanel(RENDERER.draw(CELLS, tier), tier.label, ["one", "two"], line)


def panels(path: Path) -> list[NDArray[np.uint8]]:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] == WIDTH
    tops = range(HEADER_HEIGHT, len(pixels) - 10, PANEL_HEIGHT)
    return [pixels[top : top + PANEL_HEIGHT] for top in tops]


def of_colour(pixels: NDArray[np.uint8], name: str) -> NDArray[np.bool_]:
    return (pixels == tuple(bytes.fromhex(name[1:]))).all(-1)


def test_each_tier_has_a_panel_with_every_mark(tmp_path: Path) -> None:
    save_overview(
        "Title", ["subtitle"], [panel(tier, COLUMNS) for tier in Tier], tmp_path / "o.png"
    )
    shown = panels(tmp_path / "o.png")
    assert len(shown) == len(Tier)
    for each in shown:
        assert all(of_colour(each, mark.value).any() for mark in Mark)


def test_a_character_stands_below_its_cell(tmp_path: Path) -> None:
    save_overview("Title", [], [panel(Tier.BASE, COLUMNS)], tmp_path / "o.png")
    (shown,) = panels(tmp_path / "o.png")
    columns = np.flatnonzero(of_colour(shown, Mark.DOUBTFUL.value).any(0))
    assert MARGIN + 44 * CELL[0] <= columns.min()
    assert columns.max() < MARGIN + 46 * CELL[0]


@pytest.mark.parametrize(
    ("row", "boxed"), [(0, 0), (1, 1), (40, 1), (ROWS - 1, 2)], ids=["first", "2nd", "mid", "last"]
)
def test_the_line_is_boxed_wherever_it_is(tmp_path: Path, row: int, boxed: int) -> None:
    save_overview("Title", [], [panel(Tier.TRACE, row * COLUMNS + 60)], tmp_path / "o.png")
    (shown,) = panels(tmp_path / "o.png")
    rows = np.flatnonzero(of_colour(shown, BOX).any(1))
    top = TITLE_HEIGHT + boxed * CELL[1]
    assert (rows.min(), rows.max()) == pytest.approx((top, top + CELL[1]), abs=3)


def test_the_box_is_around_the_row_that_was_read(tmp_path: Path) -> None:
    save_overview("Title", [], [panel(Tier.LARGE, COLUMNS)], tmp_path / "o.png")
    (shown,) = panels(tmp_path / "o.png")
    inside = shown[TITLE_HEIGHT + CELL[1] + 6 : TITLE_HEIGHT + 2 * CELL[1] - 6, MARGIN + 4 : 900]
    above = shown[TITLE_HEIGHT + 6 : TITLE_HEIGHT + CELL[1] - 6, MARGIN + 4 : 900]
    assert inside.mean() > above.mean() + 30  # dashes between two rows of X
