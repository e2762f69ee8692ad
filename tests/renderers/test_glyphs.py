"""Glyphs: what ships is what this draws, and its symbols can be told apart."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from optimem.renderers import glyphs
from optimem.renderers.alphabet import END, ESCAPE, TAIL_RANGES, WIDE, is_wide
from optimem.renderers.escapes import Escapes
from optimem.renderers.glyphs import GlyphPainter, half_size
from optimem.renderers.spelling import atlas

ALPHABET = Escapes().alphabet


@pytest.fixture(scope="module")
def painter() -> GlyphPainter:
    return GlyphPainter()


def test_the_alphabet_has_what_its_ranges_say_where_the_fonts_do(painter: GlyphPainter) -> None:
    known = set(ALPHABET.symbols)
    wanted = [chr(c) for first, last in TAIL_RANGES for c in range(first, last + 1)]
    missing = [char for char in wanted if char not in known and painter.has(char)]
    assert len(missing) < 15


def test_no_two_symbols_look_alike() -> None:
    tiles = atlas()[: len(ALPHABET)]
    narrow = [i for i, symbol in enumerate(ALPHABET.symbols) if not is_wide(symbol[:1])]
    ink = np.array([half_size(tiles[i]) for i in narrow if ALPHABET.symbols[i] != WIDE])
    squares = (ink**2).sum(1)
    gaps = squares[:, None] + squares[None] - 2 * ink @ ink.T
    np.fill_diagonal(gaps, 1)
    assert gaps.min() > 1e-3


def test_the_shipped_files_can_be_drawn_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another FreeType may round a pixel differently, and no more than that."""
    glyphs.build(tmp_path)
    assert "105 common" in capsys.readouterr().out
    drawn = (tmp_path / "alphabet.txt").read_text("utf-8").split()
    shipped = (glyphs.DATA / "alphabet.txt").read_text("utf-8").split()
    assert len(set(drawn) ^ set(shipped)) < 15
    if drawn == shipped:
        image = np.asarray(Image.open(tmp_path / "atlas.png"), np.int16)
        data = np.asarray(Image.open(glyphs.DATA / "atlas.png"), np.int16)
        assert np.abs(image - data).max() <= 2


def test_scripts_that_look_alike_have_faces_of_their_own(painter: GlyphPainter) -> None:
    tiles = {char: painter.tile(char).tobytes() for char in "AАΑ"}  # Latin, Cyrillic, Greek
    assert len(set(tiles.values())) == 3


def test_tiles_fill_one_cell_or_two(painter: GlyphPainter) -> None:
    assert painter.tile("M").shape == (16, 8)
    assert painter.tile("の").shape == (16, 16)
    assert painter.tile("M").max() > 240
    assert not painter.tile(" ").any()
    for char in "\n\t\u00a0":
        assert painter.tile(char).any()  # a visible substitute
    assert not painter.has("\U0010ffff")


def test_marks_are_inverted(painter: GlyphPainter) -> None:
    tiles = atlas()
    for mark, letter in ((ESCAPE, "<"), (END, ">"), ("<user>", "U"), ("<text>", "D")):
        drawn = tiles[ALPHABET.id(mark)].astype(int)
        assert np.abs(drawn - (255 - painter.tile(letter).astype(int))).max() <= 2


def test_half_size_is_the_mean_of_four_pixels() -> None:
    tile = np.zeros((16, 8), np.uint8)
    tile[:2, :2] = [[255, 0], [255, 255]]
    assert half_size(tile)[0] == pytest.approx(0.75)
    assert half_size(tile)[1:].tolist() == [0] * 31
