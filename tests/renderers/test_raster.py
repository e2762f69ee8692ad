"""Raster: ink is blended exactly where it belongs, and never outside the canvas."""

import numpy as np
import pytest

from optimem.renderers.raster import FULL, Canvas, blend, draw, fill, glyph_bitmap
from optimem.renderers.shaping import SUBPIXELS, shape
from optimem.renderers.typefaces import Font

RED = (255, 0, 0)
BODY = Font(18)


@pytest.fixture
def canvas() -> Canvas:
    return np.full((40, 60, 3), 255, np.uint8)


def inked(canvas: Canvas) -> tuple[int, int, int, int]:
    """The box of what is not white: left, top, right, bottom."""
    ys, xs = np.nonzero((canvas != 255).any(axis=2))
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_colours_mix_by_coverage(canvas: Canvas) -> None:
    coverage = np.array([[0, 64, 128, FULL]], np.uint16)
    blend(canvas, coverage, 2, 3, RED)
    assert canvas[3, 2:6, 0].tolist() == [255, 255, 255, 255]
    assert canvas[3, 2:6, 1].tolist() == canvas[3, 2:6, 2].tolist() == [255, 191, 127, 0]
    assert (canvas[3, 6:] == 255).all()
    assert (canvas[4:] == 255).all()


@pytest.mark.parametrize(
    ("x", "y", "pixels"),
    [(5, 5, 12), (-2, -1, 4), (58, 38, 4), (-9, 0, 0), (0, -9, 0), (60, 0, 0), (0, 40, 0)],
)
def test_what_lies_outside_is_cut_off(canvas: Canvas, x: int, y: int, pixels: int) -> None:
    blend(canvas, np.full((3, 4), FULL, np.uint16), x, y, RED)
    assert (canvas == RED).all(axis=2).sum() == pixels
    filled = np.full_like(canvas, 255)
    fill(filled, x, y, 4, 3, RED)
    assert np.array_equal(filled, canvas)


def test_text_stands_on_its_baseline(canvas: Canvas) -> None:
    draw(canvas, shape("H", BODY, False), 10 * SUBPIXELS, 30, (0, 0, 0))
    left, top, right, bottom = inked(canvas)
    assert 10 <= left <= 13
    assert 20 < right <= 10 + shape("H", BODY, False).width / SUBPIXELS
    assert bottom == 30
    assert 16 <= top <= 18  # capitals are 0.73 em high


def test_a_missing_character_is_a_frame_with_digits_in_it(canvas: Canvas) -> None:
    shaped = shape("𓀀", BODY, False)
    draw(canvas, shaped, 0, 30, RED)
    left, top, right, bottom = inked(canvas)
    (box,) = shaped.missing
    assert (left, right) == (box.left // SUBPIXELS, box.right // SUBPIXELS)
    assert (top, bottom) == (30 - box.top // SUBPIXELS, 30 - box.bottom // SUBPIXELS)
    red = (canvas == RED).all(axis=2)
    assert red[top, left:right].all()
    assert red[bottom - 1, left:right].all()
    assert red[top:bottom, left].all()
    assert red[top:bottom, right - 1].all()
    inside = canvas[top + 1 : bottom - 1, left + 1 : right - 1]
    assert (inside != 255).any()
    assert (inside == 255).any()


def test_a_glyph_is_rendered_once_for_each_size() -> None:
    number = shape("g", BODY, False).glyphs[0].number
    small, large = (glyph_bitmap("DejaVuSans", size, number) for size in (12, 24))
    assert large.coverage.shape[0] > 1.5 * small.coverage.shape[0]
    assert large.top < large.coverage.shape[0]  # g reaches below the baseline
    assert glyph_bitmap("DejaVuSans", 12, number) is small
