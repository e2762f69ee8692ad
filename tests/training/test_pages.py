"""Training pages: mixed at random, the same for the same seed."""

from pathlib import Path

import numpy as np
import pytest

from optimem.errors import InputError
from optimem.protocols import ReadCells
from optimem.renderers.codes import Codes
from optimem.renderers.dense import CAPACITY, DenseRenderer
from optimem.training.pages import Noise, text_cells
from tests.training.small import CELLS, RENDERER, mixer


def test_pages_are_full_size_and_repeatable() -> None:
    pages = mixer().batch(6)
    assert pages.shape == (6, CAPACITY)
    assert np.array_equal(pages, mixer().batch(6))
    assert not np.array_equal(pages, mixer(1).batch(6))
    assert pages.max() < len(RENDERER.alphabet)


def test_every_kind_of_noise_has_the_size_asked_for() -> None:
    noise, rng = Noise(RENDERER, CELLS), np.random.default_rng(0)
    for kind in noise.kinds:
        assert len(kind(rng, 500)[:500]) == 500, kind.__name__


def test_scripts_are_spelled_code_points() -> None:
    noise, rng = Noise(RENDERER, CELLS), np.random.default_rng(0)
    first = Codes().lead
    for _ in range(20):
        cells = noise.scripts(rng, 200)
        text = RENDERER.text(ReadCells(cells, np.ones(len(cells), np.float32))).text
        assert len(text) == 200
        assert "\ufffd" not in text
    assert (noise.scattered_codes(rng, 500) >= first).mean() > 0.1


def test_typeset_text_has_no_straight_quotes_and_loses_no_letter() -> None:
    renderer = DenseRenderer()
    noise = Noise(renderer, renderer.cells("words"))
    plain = '"It\'s so," he said -- \'well-known\' ("x").\n- item\n'
    cells = noise.typeset(np.random.default_rng(0), renderer.cells(plain))
    text = "".join(renderer.alphabet.symbols[cell] for cell in cells)
    assert text.startswith("“It’s so,” he said ")
    assert "‘well-known’ (“x”)." in text
    assert not set(text) & set("\"'")
    assert [c for c in text if c.isalpha()] == [c for c in plain if c.isalpha()]
    assert text.count("-") == 1


def test_bad_training_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"bad\.txt is not UTF-8 text: byte 0 is 0xff"):
        text_cells(path, RENDERER)
