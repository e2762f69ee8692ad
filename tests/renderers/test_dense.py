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
from optimem.renderers.escapes import LONGEST_ESCAPE, Escapes
from optimem.renderers.spelling import ATLAS_COLUMNS, atlas
from optimem.tiers import Tier
from optimem.turns import ROLES

RENDERER = DenseRenderer()
ESCAPES = Escapes()
ALPHABET = ESCAPES.alphabet


def sure(cells: np.ndarray) -> ReadCells:
    return ReadCells(cells, np.ones(len(cells), np.float32))


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_comes_back_to_the_letter(text: str) -> None:
    reading = RENDERER.text(sure(RENDERER.cells(text, "user")))
    assert reading.text == text
    assert len(reading.probability) == len(reading.cell) == len(text)


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.integers(1, 60))
def test_a_split_never_cuts_a_character(text: str, room: int) -> None:
    cells = RENDERER.cells(text)
    end = RENDERER.split(cells, room)
    assert end <= room
    joined = RENDERER.text(sure(cells[:end])).text + RENDERER.text(sure(cells[end:])).text
    assert joined == text


def test_a_wide_character_shows_both_halves() -> None:
    image = RENDERER.draw(RENDERER.cells("の"), Tier.LARGE)
    assert image[:16, :8].any()
    assert image[:16, 8:16].any()
    assert not image[:, 16:].any()


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


@pytest.mark.parametrize(
    "spelled", ["<escape>", "<escape>zz<end>", "<escape>110000<end>", "<wide>"]
)
def test_nonsense_reads_as_an_unknown_character(spelled: str) -> None:
    parts = spelled.replace(">", "> ").replace("<", " <").split()
    symbols = [s for part in parts for s in ([part] if part.startswith("<") else part)]
    cells = np.array([ALPHABET.id(symbol) for symbol in symbols], np.uint16)
    reading = RENDERER.text(sure(cells))
    assert reading.text[0] == "\ufffd"
    assert reading.probability[0] == 0


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


@pytest.mark.parametrize("text", ["plain words, 12 €\n", "", "ａ wide one", "spelled: 漢"])
def test_looking_symbols_up_reads_what_reading_one_by_one_does(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spelling = Escapes()
    cells = spelling.cells(text)
    read = ReadCells(cells, np.linspace(0, 1, len(cells), dtype=np.float32))
    fast = spelling.read(read)
    monkeypatch.setattr(spelling, "special", np.ones_like(spelling.special))
    slow = spelling.read(read)
    assert fast.text == slow.text == text
    assert fast.probability.tolist() == slow.probability.tolist()
    assert fast.cell.tolist() == slow.cell.tolist()
    assert (fast.probability.dtype, fast.cell.dtype) == (np.float32, np.int64)


def test_the_version_is_that_of_the_shipped_weights() -> None:
    assert RENDERER.version == "dense-1-262680a4db41"


def test_the_atlas_has_a_tile_for_every_symbol_and_every_right_half() -> None:
    used = len(ALPHABET) + int(ESCAPES.wide.sum())
    assert atlas().shape[1:] == (16, 8)
    assert len(atlas()) - ATLAS_COLUMNS < used <= len(atlas())
    ink = atlas().any(axis=(1, 2))
    assert not ink[0]  # the blank
    assert ink[1 : len(ALPHABET)].mean() > 0.99
    assert not ink[used:].any()


def test_an_escape_that_is_cut_off_or_too_long_is_unknown() -> None:
    cells = RENDERER.cells("\U0010fffd")  # the longest escape
    assert len(cells) == LONGEST_ESCAPE
    assert RENDERER.text(sure(cells)).text == "\U0010fffd"
    cut = RENDERER.text(sure(cells[:-1]))
    assert cut.text == "\ufffd10fffd"
    assert cut.probability.tolist() == [0, 1, 1, 1, 1, 1, 1]
    zero = ALPHABET.id("0")
    longer = np.insert(cells, 1, zero)
    assert RENDERER.text(sure(longer)).text[0] == "\ufffd"


def test_a_page_flows_without_blank_space_row_by_row() -> None:
    cells = np.full(COLUMNS + 1, ALPHABET.id("M"), np.uint16)
    ink = RENDERER.draw(cells, Tier.LARGE).reshape(80, 16, 160, 8).any(axis=(1, 3))
    assert ink[0].all()
    assert ink[1].tolist() == [True] + [False] * 159
    assert not ink[2:].any()
