"""Raster: ink is blended exactly where it belongs, and never outside the canvas."""

import numpy as np
import pytest

from optimem.renderers.raster import FULL, Ink, InkPlan, glyph_bitmap, stamp
from optimem.renderers.shaping import SUBPIXELS, shape
from optimem.renderers.typefaces import Font

BODY = Font(18)


def drawn(text: str, x: int = 0, font: Font = BODY) -> Ink:
    plan = InkPlan()
    plan.add(shape(text, font, False), x * SUBPIXELS, 30)
    return plan.ink(60, 40)


def inked(page: Ink) -> tuple[int, int, int, int]:
    """The box of what is not blank: left, top, right, bottom."""
    ys, xs = np.nonzero(page)
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_ink_covers_what_paper_is_left() -> None:
    page = np.zeros((40, 60), np.uint8)
    coverage = np.array([[0, 64, 128, FULL]], np.uint8)
    stamp(page, coverage, np.array([[2, 3]]))
    assert page[3, 2:6].tolist() == [0, 64, 128, FULL]
    stamp(page, coverage, np.array([[2, 3]]))
    assert page[3, 2:6].tolist() == [0, 112, 192, FULL]
    assert not page[4:].any()


@pytest.mark.parametrize(
    ("x", "y", "pixels"),
    [(5, 5, 12), (-2, -1, 4), (58, 38, 4), (-9, 0, 0), (0, -9, 0), (60, 0, 0), (0, 40, 0)],
)
def test_what_lies_outside_is_cut_off(x: int, y: int, pixels: int) -> None:
    page = np.zeros((40, 60), np.uint8)
    stamp(page, np.full((3, 4), FULL, np.uint8), np.array([[x, y], [20, 20]]))
    assert (page == FULL).sum() == pixels + 12
    plan = InkPlan()
    plan.fill(x, y, 4, 3)
    plan.fill(20, 20, 4, 3)
    assert np.array_equal(plan.ink(60, 40), page)


def test_a_glyph_at_many_places_is_drawn_as_one_by_one() -> None:
    text = "lllll\u0301\u0301 eee"
    together = InkPlan()
    shaped = shape(text, BODY, False)
    together.add(shaped, 0, 30)
    pages = []
    for glyph in shaped.glyphs:
        alone = InkPlan()
        alone.add(shaped._replace(glyphs=(glyph,)), 0, 30)
        pages.append(alone.ink(120, 40).astype(float) / FULL)
    paper = np.prod([1 - page for page in pages], axis=0)
    assert np.abs(together.ink(120, 40) / FULL - (1 - paper)).max() < 0.01


def test_text_stands_on_its_baseline() -> None:
    left, top, right, bottom = inked(drawn("H", 10))
    assert 10 <= left <= 13
    assert 20 < right <= 10 + shape("H", BODY, False).width / SUBPIXELS
    assert bottom == 30
    assert 16 <= top <= 18  # capitals are 0.73 em high


def test_a_missing_character_is_a_frame_with_digits_in_it() -> None:
    page = drawn("𓀀")
    left, top, right, bottom = inked(page)
    (box,) = shape("𓀀", BODY, False).missing
    assert (left, right) == (box.left // SUBPIXELS, box.right // SUBPIXELS)
    assert (top, bottom) == (30 - box.top // SUBPIXELS, 30 - box.bottom // SUBPIXELS)
    full = page == FULL
    assert full[top, left:right].all()
    assert full[bottom - 1, left:right].all()
    assert full[top:bottom, left].all()
    assert full[top:bottom, right - 1].all()
    inside = page[top + 1 : bottom - 1, left + 1 : right - 1]
    assert inside.any()
    assert (inside == 0).any()


def test_a_glyph_is_rendered_once_for_each_size() -> None:
    number = shape("g", BODY, False).glyphs[0].number
    small, large = (glyph_bitmap("DejaVuSans", size, number) for size in (12, 24))
    assert large.coverage.shape[0] > 1.5 * small.coverage.shape[0]
    assert large.top < large.coverage.shape[0]  # g reaches below the baseline
    assert glyph_bitmap("DejaVuSans", 12, number) is small
