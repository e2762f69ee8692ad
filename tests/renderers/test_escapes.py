"""The way that older weights spell: what they drew is read to the letter, nonsense named."""

import numpy as np
import pytest

from optimem.protocols import ReadCells
from optimem.renderers.dense import DenseRenderer
from optimem.renderers.escapes import LONGEST_ESCAPE, Escapes
from optimem.renderers.spelling import ATLAS_COLUMNS, atlas
from optimem.tiers import Tier

ESCAPES = Escapes()
RENDERER = DenseRenderer(ESCAPES)
ALPHABET = ESCAPES.alphabet


def sure(cells: np.ndarray) -> ReadCells:
    return ReadCells(cells, np.ones(len(cells), np.float32))


def test_a_wide_character_shows_both_halves() -> None:
    image = RENDERER.draw(RENDERER.cells("の"), Tier.LARGE)
    assert image[:16, :8].any()
    assert image[:16, 8:16].any()
    assert not image[:, 16:].any()


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


def test_the_version_is_that_of_the_weights_before() -> None:
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
