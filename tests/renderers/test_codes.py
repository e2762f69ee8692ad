"""Codes: any code point in few cells, told apart on every tier, and a misread one costs itself."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimem.protocols import ReadCells
from optimem.renderers.alphabet import code_points
from optimem.renderers.codes import CODE, LONGEST_CODE, Codes
from optimem.renderers.dense import DenseRenderer, box_shares, canvas_cells
from optimem.renderers.escapes import Escapes
from optimem.tiers import Tier

CODES = Codes()
ALPHABET, TILES = CODES.alphabet, CODES.tiles
RENDERER = DenseRenderer(CODES)
OLDER = DenseRenderer(Escapes())


def sure(cells: np.ndarray) -> ReadCells:
    return ReadCells(cells, np.ones(len(cells), np.float32))


def test_the_version_is_that_of_the_shipped_weights() -> None:
    assert DenseRenderer().version == RENDERER.version
    assert RENDERER.version == "dense-2-2f47e2061319"
    assert (len(ALPHABET), ALPHABET.common, CODES.lead) == (2216, 102, 1688)
    assert ALPHABET.symbols[CODES.lead :] == CODE


def test_characters_look_as_they_do_in_the_older_alphabet() -> None:
    for char in "aZ \n\tßЖω→█":
        own, other = ALPHABET.id(char), OLDER.alphabet.id(char)
        assert np.array_equal(TILES[own], OLDER.spelling.tiles[other])
    assert len(RENDERER.cells("Ωß — Ёж ✓\t")) == 10
    assert len(RENDERER.cells("ひらがな漢字。")) == 14
    assert len(RENDERER.cells("🚨")) == 3


def test_plain_pages_look_as_those_of_older_weights_do() -> None:
    text = "plain words, 12 €\n" * 50
    for tier in Tier:
        mine, older = (r.page(r.cells(text)).image(tier) for r in (RENDERER, OLDER))
        assert np.array_equal(mine, older)


@given(st.text(st.characters()))
def test_any_text_comes_back_to_the_letter(text: str) -> None:
    reading = RENDERER.text(sure(RENDERER.cells(text, "user")))
    assert reading.text == text
    assert len(reading.probability) == len(reading.cell) == len(text)


@given(st.text(st.characters(), min_size=1), st.integers(1, 60))
def test_a_split_never_cuts_a_character(text: str, room: int) -> None:
    cells = RENDERER.cells(text)
    end = RENDERER.split(cells, room)
    assert end <= room
    joined = RENDERER.text(sure(cells[:end])).text + RENDERER.text(sure(cells[end:])).text
    assert joined == text


@pytest.mark.parametrize(
    ("char", "spelled"),
    [
        ("漢", ["<lead 6f>", "<continuation 22>"]),
        ("\0", ["<lead 00>", "<continuation 00>"]),
        ("\ud800", ["<lead d8>", "<continuation 00>"]),
        ("\uffff", ["<lead ff>", "<continuation ff>"]),
        ("🚨", ["<plane 1>", "<continuation f6>", "<continuation a8>"]),
        ("\U0010ffff", ["<plane 10>", "<continuation ff>", "<continuation ff>"]),
    ],
)
def test_other_code_points_take_two_cells_or_three(char: str, spelled: list[str]) -> None:
    cells = CODES.spell(code_points(f"a{char}b"))
    assert [ALPHABET.symbols[cell] for cell in cells] == ["a", *spelled, "b"]
    assert len(spelled) <= LONGEST_CODE


def test_leads_and_continuations_have_nothing_in_common() -> None:
    leads, continuations, planes = np.split(np.arange(CODES.lead, 2216), [256, 512])
    assert ALPHABET.symbols[leads[0x4E]] == "<lead 4e>"
    assert ALPHABET.symbols[continuations[0x4E]] == "<continuation 4e>"
    assert [ALPHABET.symbols[plane] for plane in planes[[0, -1]]] == ["<plane 1>", "<plane 10>"]
    assert (leads[0], continuations[0]) == (CODES.lead, CODES.continuation)
    assert planes[0] == CODES.plane


L, C, P = "<lead 6f>", "<continuation 22>", "<plane 1>"


@pytest.mark.parametrize(
    ("symbols", "text"),
    [
        ([L], "?"),
        ([C], "?"),
        ([P], "?"),
        ([C, C, C, C], "?"),
        ([P, C], "?"),
        ([L, "x"], "?x"),
        (["x", C, "y"], "x?y"),
        ([P, C, "y"], "?y"),
        ([L, C, C, "y"], "漢?y"),
        ([P, C, C, C, C], "\U00012222?"),
        ([L, L, C], "?漢"),
        ([L, P, L, C], "??漢"),
        ([C, L, C, L], "?漢?"),
        (["<user>", C, L, C], "?漢"),
        (["<lead 00>", "<continuation 41>"], "?"),  # the alphabet has an A
    ],
)
def test_a_misread_code_is_one_unknown_character_and_garbles_nothing(
    symbols: list[str], text: str
) -> None:
    cells = np.array([ALPHABET.id(symbol) for symbol in symbols], np.uint16)
    reading = RENDERER.text(sure(cells))
    assert reading.text == text.replace("?", "\ufffd")
    assert reading.probability.tolist() == [char != "?" for char in text]


@given(st.lists(st.integers(0, len(ALPHABET) - 1)))
def test_whatever_is_read_is_text(ids: list[int]) -> None:
    reading = RENDERER.text(sure(np.array(ids, np.uint16)))
    assert len(reading.text) == len(reading.probability) == len(reading.cell)
    assert (np.diff(reading.cell) > 0).all()


def test_a_code_is_as_sure_as_its_least_sure_cell() -> None:
    cells = RENDERER.cells("a漢🚨b")
    probability = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3], np.float32)
    reading = RENDERER.text(ReadCells(cells, probability))
    assert reading.probability.tolist() == pytest.approx([0.9, 0.7, 0.4, 0.3])
    assert reading.cell.tolist() == [0, 1, 3, 6]
    assert (reading.probability.dtype, reading.cell.dtype) == (np.float32, np.int64)


@pytest.mark.parametrize("tier", [Tier.SMALL, Tier.TINY, Tier.TRACE])
def test_code_symbols_differ_more_than_letters_do(tier: Tier) -> None:
    """Whatever pixels a cell's corner falls on, after scaling down."""
    letters, code = range(95), range(CODES.lead, len(ALPHABET))
    for row, column in ((0, 0), (1, 3), (3, 1)):
        apart = closest(code, tier, row, column)
        assert apart > 3 * closest(letters, tier, row, column)
        assert apart > 0.1


def closest(symbols: range, tier: Tier, row: int, column: int) -> float:
    """The least RMS difference, over the cell's area, of two symbols in a cell of a page."""
    columns, rows = canvas_cells(tier)
    down = box_shares(rows * 16, tier.value)[:, row * 16 : row * 16 + 16]
    across = box_shares(columns * 8, tier.value)[:, column * 8 : column * 8 + 8]
    down, across = down[down.any(1)], across[across.any(1)]
    ink = np.array([(down @ (TILES[each] / 255) @ across.T).ravel() for each in symbols])
    squares = (ink**2).sum(1)
    gaps = squares[:, None] + squares[None] - 2 * ink @ ink.T
    np.fill_diagonal(gaps, np.inf)
    area = (tier.value / rows) * (tier.value / columns)
    return float(np.sqrt(gaps.min() / area))


def test_planes_differ_in_four_bits() -> None:
    planes = TILES[CODES.plane :][:16]
    for first, second in combinations(planes, 2):
        assert (first != second).sum() >= 4 * 3 * 4
