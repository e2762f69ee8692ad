"""The dense style: text to cells to pages and back, to the letter and to the byte."""

import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimem.errors import InputError
from optimem.protocols import ReadCells
from optimem.renderers.dense import CAPACITY, COLUMNS, DenseRenderer, canvas_cells
from optimem.renderers.spellings import SPELLINGS
from optimem.tiers import Tier
from optimem.turns import ROLES

RENDERER = DenseRenderer()
ALPHABET = RENDERER.alphabet
SPELLED = [DenseRenderer(spelling()) for spelling in SPELLINGS]


def sure(cells: np.ndarray) -> ReadCells:
    return ReadCells(cells, np.ones(len(cells), np.float32))


@pytest.mark.parametrize("renderer", SPELLED)
@given(text=st.text(st.characters(codec="utf-8")))
def test_any_text_comes_back_to_the_letter(renderer: DenseRenderer, text: str) -> None:
    reading = renderer.text(sure(renderer.cells(text, "user")))
    assert reading.text == text
    assert len(reading.probability) == len(reading.cell) == len(text)


@pytest.mark.parametrize("renderer", SPELLED)
@given(text=st.text(st.characters(codec="utf-8"), min_size=1), room=st.integers(1, 60))
def test_a_split_never_cuts_a_character(renderer: DenseRenderer, text: str, room: int) -> None:
    cells = renderer.cells(text)
    end = renderer.split(cells, room)
    assert end <= room
    joined = renderer.text(sure(cells[:end])).text + renderer.text(sure(cells[end:])).text
    assert joined == text


@pytest.mark.parametrize("tier", list(Tier))
def test_boxes_hold_their_characters_ink(tier: Tier) -> None:
    cell = 3 * COLUMNS + 77
    cells = np.zeros(CAPACITY, np.uint16)
    cells[cell] = ALPHABET.id("M")
    box = RENDERER.box(cell, tier)
    ys, xs = np.nonzero(RENDERER.draw(cells, tier))
    assert box.left - 1 <= xs.min() <= xs.max() < box.right + 1
    assert box.top - 1 <= ys.min() <= ys.max() < box.bottom + 1


@pytest.mark.parametrize("tier", list(Tier))
def test_cells_fall_evenly_into_tokens(tier: Tier) -> None:
    columns, rows = canvas_cells(tier)
    assert columns % tier.grid == 0
    assert rows % tier.grid == 0


def test_too_many_cells_are_named() -> None:
    with pytest.raises(InputError, match="12801 cells do not fit"):
        RENDERER.page(np.zeros(CAPACITY + 1, np.uint16))


def test_role_marks_are_drawn_and_not_read() -> None:
    for role in ROLES:
        cells = RENDERER.cells("x", role)
        assert len(cells) == 2
        assert RENDERER.text(sure(cells)).text == "x"


def test_pages_are_the_same_to_the_byte_in_another_process() -> None:
    program = (
        "from hashlib import sha256\n"
        "from optimem.renderers.dense import DenseRenderer\n"
        "from optimem.tiers import Tier\n"
        "r = DenseRenderer()\n"
        "c = r.cells('determinism ✓ Ω Ж の 🚨 ' * 99, 'user')\n"
        "print(sha256(b''.join(r.draw(c, t).tobytes() for t in Tier)).hexdigest(), r.version)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    cells = RENDERER.cells("determinism ✓ Ω Ж の 🚨 " * 99, "user")
    own = sha256(b"".join(RENDERER.draw(cells, tier).tobytes() for tier in Tier)).hexdigest()
    assert run.stdout.split() == [own, RENDERER.version]


def test_a_page_flows_without_blank_space_row_by_row() -> None:
    cells = np.full(COLUMNS + 1, ALPHABET.id("M"), np.uint16)
    ink = RENDERER.draw(cells, Tier.LARGE).reshape(80, 16, 160, 8).any(axis=(1, 3))
    assert ink[0].all()
    assert ink[1].tolist() == [True] + [False] * 159
    assert not ink[2:].any()
