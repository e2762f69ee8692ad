"""Free text back to the rows it was read from."""

import numpy as np
import pytest

from optimem.model.deepseek_ocr.alignment import ReadText, align, outline_rows
from optimem.protocols import REPLACEMENT, Cells, ReadCells
from optimem.renderers.ruled import COLUMNS, FILL, RuledRenderer

RENDERER = RuledRenderer()
TEXT = (
    "We moved the staging database last night, because the old host ran out of room. It listens on "
    "port 6543 now.\n\n\tdef connect(host):\n\t\treturn dial(host, 6543)\n\n"
    "Paris, Rome and Oslo follow in that order; nobody has asked for Lisbon yet, so that it comes "
    "last of all.\nSend the invoice (№ 2026-118) to anna@example.org before Friday the 27th, 17:00."
)
CELLS = np.concatenate([RENDERER.cells(TEXT, "user"), RENDERER.cells("Done.", "assistant")])


def rows(cells: Cells) -> list[str]:
    """What a perfect reader sees of each row."""
    seen = ["".join(map(chr, row[row < FILL])).strip() for row in cells.reshape(-1, COLUMNS)]
    seen[0], seen[-1] = f"User: {seen[0]}", f"Assistant: {seen[-1]}"
    return seen


def read(said: str, sure: float = 0.9) -> ReadCells:
    return align(ReadText(said, np.full(len(said), sure, np.float32)), outline_rows(CELLS))


def wrong_rows(found: ReadCells) -> list[int]:
    return np.flatnonzero((found.ids != CELLS).reshape(-1, COLUMNS).any(1)).tolist()


@pytest.mark.parametrize("between", ["\n", " ", "\n\n"])
def test_rows_are_found_however_the_reader_breaks_lines(between: str) -> None:
    found = read(between.join(row for row in rows(CELLS) if row))
    assert np.array_equal(found.ids, CELLS)
    assert found.probability[ord("m") == CELLS] == pytest.approx(0.9)
    assert (found.probability[(CELLS >= FILL) | (ord("\n") == CELLS)] == 1).all()


@pytest.mark.parametrize("left_out", [0, 3, 6])
def test_a_row_that_was_left_out_spoils_no_other(left_out: int) -> None:
    seen = rows(CELLS)
    del seen[left_out]
    found = read("\n".join(seen))
    assert wrong_rows(found) == [left_out]
    lost = found.ids.reshape(-1, COLUMNS)[left_out]
    assert ord(REPLACEMENT) in lost
    unread = found.ids == ord(REPLACEMENT)
    assert (found.probability[unread] == 0).all()


def test_what_a_reader_adds_is_skipped() -> None:
    said = "Here is the text of the image:\n" + "\n".join(rows(CELLS)) + "\nThat is all I can see."
    assert np.array_equal(read(said).ids, CELLS)


def test_a_misread_letter_spoils_no_other_and_a_lost_one_only_its_row() -> None:
    seen = rows(CELLS)
    seen[6] = seen[6].replace("Rome", "Borne")
    seen[0] = seen[0].replace("moved", "m0ved")
    found = read("\n".join(seen))
    assert wrong_rows(found) == [0, 6]
    assert (found.ids != CELLS)[:COLUMNS].sum() == 1


@pytest.mark.parametrize("said", ["", "\n\n", "x", "漢" * 3000, "a\n" * 500])
def test_any_answer_makes_a_whole_page(said: str) -> None:
    found = read(said)
    assert len(found.ids) == len(found.probability) == len(CELLS)
    assert len(RENDERER.text(found).text) <= len(TEXT) + len("Done.") + 10
    known = (CELLS == FILL) | (CELLS > FILL)
    assert (found.ids[known] >= FILL).mean() > 0.8


@pytest.mark.parametrize(
    "text", ["cafe\u0301 and n\u0303o", "👩‍👩‍👧 and 👍🏽 at home", "漢字かな and א\u05b8ב"]
)
def test_characters_that_are_drawn_together_keep_their_cells(text: str) -> None:
    cells = RENDERER.cells(text, "tool")
    said = f"Tool: {text}"
    found = align(ReadText(said, np.full(len(said), 0.9, np.float32)), outline_rows(cells))
    assert np.array_equal(found.ids, cells)
    assert RENDERER.text(found).probability == pytest.approx(0.9 * np.ones(len(text)), abs=0.1)


def test_an_empty_page_is_empty() -> None:
    nothing = align(ReadText("words", np.ones(5, np.float32)), [])
    assert len(nothing.ids) == 0
