"""Shaped text to pixels, by FreeType: unhinted, and placed in integers, so always the same.

Ink is gathered glyph by glyph, and all places of a glyph are inked at once. Knows nothing of
layout or of colours.
"""

from functools import lru_cache
from typing import NamedTuple

import freetype
import numpy as np
from numpy.typing import NDArray

from optimem.renderers.shaping import SUBPIXELS, Shaped
from optimem.renderers.typefaces import freetype_face

Ink = NDArray[np.uint8]
"""(H, W), how much of each pixel is ink: 0 to `FULL`."""

LOAD_FLAGS = freetype.FT_LOAD_RENDER | freetype.FT_LOAD_NO_HINTING
FULL = 255
"""Coverage of a pixel that is all ink."""


class Bitmap(NamedTuple):
    """A glyph's coverage, (h, w), and its top left from the origin, y upwards."""

    coverage: Ink
    left: int
    top: int


class InkPlan:
    """What is to be inked on a page."""

    def __init__(self) -> None:
        self._glyphs: dict[tuple[str, int, int], list[tuple[int, int]]] = {}
        self._boxes: list[tuple[int, int, int, int, int]] = []

    def add(self, shaped: Shaped, x: int, baseline: int) -> None:
        """Set shaped text; `x` in 1/64 px, `baseline` in pixels from the top."""
        nearest = x + SUBPIXELS // 2
        for face, size, number, left, up in shaped.glyphs:
            place = ((nearest + left) // SUBPIXELS, baseline - (up + SUBPIXELS // 2) // SUBPIXELS)
            self._glyphs.setdefault((face, size, number), []).append(place)
        for box in shaped.missing:
            left, right = ((x + edge) // SUBPIXELS for edge in (box.left, box.right))
            top, bottom = (baseline - edge // SUBPIXELS for edge in (box.top, box.bottom))
            self.fill(left, top, right - left, 1)
            self.fill(left, bottom - 1, right - left, 1)
            self.fill(left, top, 1, bottom - top)
            self.fill(right - 1, top, 1, bottom - top)

    def fill(self, x: int, y: int, width: int, height: int, coverage: int = FULL) -> None:
        """Ink a rectangle."""
        self._boxes.append((x, y, width, height, coverage))

    def ink(self, width: int, height: int) -> Ink:
        """The ink of all, as a page of `width` × `height` px. What lies outside is cut off."""
        page = np.zeros((height, width), np.uint8)
        for x, y, wide, high, coverage in self._boxes:
            page[max(y, 0) : max(y + high, 0), max(x, 0) : max(x + wide, 0)] = coverage
        for glyph, places in self._glyphs.items():
            bitmap = glyph_bitmap(*glyph)
            corners = np.array(places) + np.array([bitmap.left, -bitmap.top])  # (N, 2)
            # Of two places in a row, only the first and the second may share a pixel.
            stamp(page, bitmap.coverage, corners[::2])
            stamp(page, bitmap.coverage, corners[1::2])
        return page


@lru_cache(maxsize=1 << 14)
def glyph_bitmap(face_name: str, size: int, index: int) -> Bitmap:
    """A glyph of a face. `size`: the em in pixels."""
    face = freetype_face(face_name)
    face.set_pixel_sizes(size, size)
    face.load_glyph(index, LOAD_FLAGS)
    slot, bitmap = face.glyph, face.glyph.bitmap
    rows = np.array(bitmap.buffer, np.uint8).reshape(bitmap.rows, bitmap.pitch)
    return Bitmap(rows[:, : bitmap.width], slot.bitmap_left, slot.bitmap_top)


def stamp(page: Ink, coverage: Ink, corners: NDArray[np.int64]) -> None:
    """Ink one shape at each of the (N, 2) `corners`, (x, y) of its top left, none of which overlap.
    What lies outside the page is cut off."""
    (high, wide), (height, width) = coverage.shape, page.shape
    inside = ((corners >= 0) & (corners <= (width - wide, height - high))).all(axis=1)
    ys, xs = np.nonzero(coverage)
    pixels = page.reshape(-1)
    places = (corners[inside] @ (1, width))[:, None] + (ys * width + xs)  # (N, inked pixels)
    pixels[places] = _inked(pixels[places], coverage[ys, xs])
    for x, y in corners[~inside]:
        top, left = max(-y, 0), max(-x, 0)
        part = coverage[top : max(height - y, 0), left : max(width - x, 0)]
        area = page[y + top : y + top + part.shape[0], x + left : x + left + part.shape[1]]
        if part.size:
            area[:] = _inked(area, part)


def _inked(page: Ink, coverage: Ink) -> Ink:
    """Ink over ink: what paper still shows, coverage hides in part."""
    paper = (FULL - page).astype(np.uint16) * (FULL - coverage)  # fits 16 bits
    return (FULL - (paper + FULL // 2) // FULL).astype(np.uint8)
