"""Ruled pages: rows lose nothing, depend on nothing, and show what they hold where they say."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from optimem.errors import InputError
from optimem.protocols import Box, Cells, ReadCells
from optimem.renderers.ruled import (
    CAPACITY,
    COLUMNS,
    FILL,
    LABEL_ROLES,
    LABELS,
    RuledRenderer,
    role_label,
    text_cells,
)
from optimem.tiers import Tier
from optimem.turns import ROLES, Role

RENDERER = RuledRenderer()
ANY_TEXT = st.text(
    st.sampled_from(list("ab, -/?\n\t\xa0é漢カ\u0301א\u0628\u200d👩👧")), max_size=400
) | st.text(st.characters(codec="utf-8"), max_size=60)


def text_of(cells: Cells) -> str:
    return RENDERER.text(ReadCells(cells, np.ones(len(cells), np.float32))).text


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT, st.sampled_from([None, *ROLES]))
@example("", "user")
@example("x" * 300 + " " * 200 + "\n\n", None)
def test_text_comes_back_from_whole_rows(text: str, role: Role | None) -> None:
    cells = RENDERER.cells(text, role)
    assert len(cells) % COLUMNS == 0
    assert len(cells) or not (text or role)
    assert text_of(cells) == text


@settings(max_examples=60, deadline=None)
@given(ANY_TEXT, st.integers(0, 6 * COLUMNS))
def test_text_can_be_cut_between_any_rows(text: str, room: int) -> None:
    cells = RENDERER.cells(text, "tool")
    end = RENDERER.split(cells, room)
    assert end <= room
    start = text_of(cells[:end])
    assert text.startswith(start)
    if end:
        assert np.array_equal(RENDERER.cells(text[len(start) :]), cells[end:])


def test_words_stay_whole_and_long_ones_do_not() -> None:
    words = "every word of this sentence stays whole on its row " * 5
    rows = [text_of(row) for row in RENDERER.cells(words).reshape(-1, COLUMNS)]
    assert len(rows) == 3
    assert all(row.endswith(" ") for row in rows)
    assert [len(text_of(r)) for r in RENDERER.cells("y" * 200).reshape(-1, COLUMNS)] == [95, 95, 10]


def test_wide_and_combining_characters_and_tabs_keep_their_columns() -> None:
    assert RENDERER.cells("a漢b")[:4].tolist() == [97, ord("漢"), FILL, 98]
    assert RENDERER.cells("e\u0301b")[:3].tolist() == [101, 0x301, 98]
    row = RENDERER.cells("a\tb")
    assert row[:6].tolist() == [97, 9, FILL, FILL, 98, FILL]


def test_ink_lies_in_the_boxes_of_its_cells() -> None:
    cells = RENDERER.cells("left  right\n\n    low and below", "text")
    page = RENDERER.page(cells)
    for tier in (Tier.LARGE, Tier.SMALL):
        ink = page.image(tier)
        assert ink.shape == (tier.value, tier.value)
        shown = [chr(cell).strip() != "" if cell < FILL else False for cell in cells.tolist()]
        means = [mean_ink(ink, RENDERER.box(cell, tier)) for cell in range(len(cells))]
        darkest_blank = max(m for m, has in zip(means, shown, strict=True) if not has)
        assert min(m for m, has in zip(means, shown, strict=True) if has) > 4 * darkest_blank
        assert ink[: round(RENDERER.box(0, tier).top)].max() == 0


def mean_ink(ink: NDArray[np.uint8], box: Box) -> float:
    part = ink[round(box.top) : round(box.bottom), round(box.left) : round(box.right)]
    return float(part.mean())


def test_a_label_is_drawn_and_is_not_text() -> None:
    cells = RENDERER.cells("so", "assistant")
    assert text_of(cells) == "so"
    ink = RENDERER.page(cells).image(Tier.LARGE)
    assert all(mean_ink(ink, RENDERER.box(cell, Tier.LARGE)) > 5 for cell in range(10))


def test_a_row_that_runs_right_to_left_stands_at_the_right() -> None:
    ink = RENDERER.page(RENDERER.cells("עברית")).image(Tier.LARGE)
    assert ink[:, :640].max() == 0
    assert ink[:, 1100:].max() > 200


def test_the_same_cells_are_the_same_pixels_and_too_many_are_refused() -> None:
    cells = RENDERER.cells("The quick brown fox. " * 30, "assistant")
    first, second = (RENDERER.page(cells).image(Tier.TINY) for _ in range(2))
    assert np.array_equal(first, second)
    with pytest.raises(InputError, match="split first"):
        RENDERER.page(np.full(CAPACITY + COLUMNS, 97, np.uint32))


def test_every_role_but_text_has_a_label() -> None:
    assert role_label("assistant") == "Assistant: "
    assert role_label("text") == ""
    for role, cell in LABELS.items():
        row = RENDERER.cells("so", role)[:COLUMNS].tolist()
        start = max(len(role_label(role)), 1)
        assert row[:start] == [cell] + [FILL] * (start - 1)
        assert row[start : start + 3] == [*map(ord, "so"), FILL]
        assert LABEL_ROLES[cell] == role


def test_a_tab_reaches_the_next_stop_from_where_it_stands() -> None:
    for column in range(8):
        width = 4 - column % 4
        assert text_cells("\t", column) == [9] + [FILL] * (width - 1)
    assert text_cells("") == []


def test_a_page_is_48_rows_in_the_middle() -> None:
    assert (COLUMNS, CAPACITY) == (96, 96 * 48)
    first, last = RENDERER.box(0, Tier.LARGE), RENDERER.box(CAPACITY - 1, Tier.LARGE)
    assert first.left == pytest.approx(1280 - last.right, abs=0.1)
    assert first.top == 1280 - last.bottom == 40
    half = RENDERER.box(CAPACITY - 1, Tier.SMALL)
    assert half == pytest.approx([edge / 2 for edge in last])
