"""Tables: columns stand below one another, from the side that is read first."""

import pytest

from optimem.renderers.layout import VisualLine, wrap
from optimem.renderers.readable import render_pages
from optimem.renderers.shaping import SUBPIXELS, shape
from optimem.renderers.style import ReadableStyle
from optimem.renderers.tables import aligned
from optimem.renderers.typefaces import Font

MONO = Font(18, mono=True)
ROOM = 900 * SUBPIXELS
TABLE = ["| name | port |", "|---|---|", "| staging | 6543 |", "| a \\| b | 1 |"]
HEBREW = ["| שם | יציאה |", "|---|---|", "| בדיקה | 6543 |"]


BAR = shape("|", MONO, False).width
STOPS = {0, 10 * BAR, 17 * BAR}
"""Of `TABLE`: the widest cells are "| staging " and "| 6543 "."""


def lefts(line: VisualLine) -> set[int]:
    return {x for x, _ in line.parts}


def rights(line: VisualLine) -> set[int]:
    return {x + part.width for x, part in line.parts}


def test_cells_stand_below_one_another() -> None:
    lines = aligned(TABLE, MONO, ROOM)
    assert all(lefts(line) >= STOPS for line in lines)
    assert [(line.start, line.end) for line in lines] == [(0, len(text)) for text in TABLE]
    for line in lines:
        ends = [x + part.width for x, part in line.parts]
        assert all(end <= x for end, (x, _) in zip(ends, line.parts[1:], strict=False))


def test_a_right_to_left_table_begins_on_the_right_in_every_line() -> None:
    lines = aligned(HEBREW, MONO, ROOM)
    first = aligned([line[: line.index("|", 1)] for line in HEBREW], MONO, ROOM)[0].width
    total = lines[0].width
    for line in lines:
        assert (line.rtl, line.width) == (True, total)
        assert {total, total - first, BAR} <= rights(line)


def test_the_lines_of_a_page_are_aligned() -> None:
    (column,) = render_pages("\n".join(TABLE))[0].columns
    assert len(column) == len(TABLE)
    assert all(lefts(row.line) >= STOPS for row, _ in column)


@pytest.mark.parametrize("style", [ReadableStyle(width=300), ReadableStyle(compact=True)])
def test_without_room_lines_are_as_they_are(style: ReadableStyle) -> None:
    text = "| a | b |\n|---|---|\n| cc | " + "wide " * 30 + "|"
    row, _ = render_pages(text, style)[0].columns[0][0]
    (plain,) = wrap("| a | b |", row.font, ROOM, words=False)
    assert row.line == plain


def test_lines_may_have_any_number_of_cells() -> None:
    short, empty, long = aligned(["a", "", "| a | b | c"], MONO, ROOM)
    assert (len(short.parts), empty.parts, empty.width) == (1, (), 0)
    assert long.width > short.width
    assert aligned(["| \\"], MONO, ROOM)[0].end == 3
