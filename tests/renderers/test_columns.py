"""Columns: short lines share a page, prose is not broken up, and every line is shown once."""

from itertools import pairwise

import pytest

from optimem.renderers.readable import ReadablePage, render_pages
from optimem.renderers.style import INK, PAPER, ReadableStyle
from optimem.turns import Turn

CODE = "def area(shape):\n    return shape.width\n\n\n" * 120
PROSE = "The keeper of the lighthouse wrote down every ship that passed. " * 120


def dense(text: str, columns: int | None = None) -> list[ReadablePage]:
    style = ReadableStyle.dense(1024, 1024, 12)
    if columns is None:
        return render_pages(text, style)
    return render_pages(text, ReadableStyle(1024, 1024, 12, 12, 1.0, 1.2, False, columns, True))


def share_of_ink(page: ReadablePage) -> float:
    """Of the quarters of a page's width, how many have ink."""
    quarters = [
        (page.pixels[:, x : x + 256] != PAPER).any(axis=2).mean() for x in (0, 256, 512, 768)
    ]
    return sum(share > 0.02 for share in quarters) / 4


def test_code_fills_the_page() -> None:
    pages, single = dense(CODE), dense(CODE, 1)
    assert pages[0].style.columns > 2
    assert len(pages) <= len(single) / 2
    assert share_of_ink(pages[0]) == 1
    assert share_of_ink(single[0]) < 1


def test_prose_takes_no_more_room_than_in_one_column() -> None:
    def room(pages: list[ReadablePage]) -> float:
        return len(pages) - 1 + pages[-1].bottom / 1024

    assert room(dense(PROSE)) <= room(dense(PROSE, 1)) * 1.02


@pytest.mark.parametrize("text", [CODE, PROSE, "    " + "x = f(y) + " * 300, "a\tb\tc\n" * 50])
def test_columns_show_every_character_in_order_and_within_bounds(text: str) -> None:
    spans = [span for page in dense(text) for span in page.spans]
    assert (spans[0].start, spans[-1].end) == (0, len(text))
    assert all(one.end == other.start for one, other in pairwise(spans))
    for page in dense(text):
        style = page.style
        for span in page.spans:
            column = (int(span.box.left) - style.margin) // (style.room + style.gutter)
            assert span.box.right <= style.left(column) + style.room


def test_a_line_parts_columns() -> None:
    page = dense(CODE)[0]
    x = page.style.left(1) - page.style.gutter // 2
    line = page.pixels[20:900, x]
    assert (line == line[0]).all()
    assert INK < tuple(line[0].tolist()) < PAPER


def test_the_rest_of_a_long_line_of_code_is_indented() -> None:
    text = "```\n    " + "value = compute(value, again) " * 40 + "\n```"
    first, second, third = (span.box.left for span in dense(text)[0].spans[1:4])
    assert second == third
    assert second == first + 12


def test_a_long_word_of_code_stands_where_its_line_is_indented() -> None:
    text = "```\n" + (" " * 8 + "self." + "dispatch_" * 30 + "\n") * 3 + "```"
    rows = [row for column in dense(text)[0].columns for row, _ in column]
    assert all(row.line.parts for row in rows)


def test_aligned_code_is_monospaced_and_other_code_is_not() -> None:
    def fonts(text: str) -> list[bool]:
        (column,) = dense(text, 1)[0].columns
        return [row.font.mono for row, _ in column][1:-1]

    assert fonts("```\nname   size\na.py   10\n```") == [True, True]
    assert fonts("```\nif x:\n    return y  # so\n```") == [False, False]


def test_roles_and_their_colours_are_on_dense_pages() -> None:
    turns = [Turn(text="asked", role="user"), Turn(text="```\ncode\n```", role="assistant")]
    (page,) = render_pages(turns, ReadableStyle.dense(600, 600, 12))
    colours = {tuple(pixel) for pixel in page.pixels.reshape(-1, 3).tolist()}
    assert {page.style.colours["user"], page.style.colours["assistant"], PAPER} <= colours
    assert [span.turn for span in page.spans] == [0, 1, 1, 1]
    assert page.end == (1, len(turns[1].text))
