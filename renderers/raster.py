"""Shaped text to pixels, by FreeType: unhinted and blended in integers, so always the same.

Knows nothing of layout.
"""

from functools import lru_cache
from typing import NamedTuple

import freetype
import numpy as np
from numpy.typing import NDArray

from optimem.renderers.shaping import SUBPIXELS, Shaped
from optimem.renderers.typefaces import freetype_face

Colour = tuple[int, int, int]
Canvas = NDArray[np.uint8]
"""(H, W, 3) RGB."""

LOAD_FLAGS = freetype.FT_LOAD_RENDER | freetype.FT_LOAD_NO_HINTING
FULL = 255
"""Coverage of a pixel that is all ink."""


class Bitmap(NamedTuple):
    """A glyph's coverage, (h, w) from 0 to 255, and its top left from the origin, y upwards."""

    coverage: NDArray[np.uint16]
    left: int
    top: int


def draw(canvas: Canvas, shaped: Shaped, x: int, baseline: int, colour: Colour) -> None:
    """Draw shaped text; `x` in 1/64 px, `baseline` in pixels from the top."""
    for glyph in shaped.glyphs:
        bitmap = glyph_bitmap(glyph.face, glyph.size, glyph.number)
        left = (x + glyph.x + SUBPIXELS // 2) // SUBPIXELS + bitmap.left
        top = baseline - (glyph.y + SUBPIXELS // 2) // SUBPIXELS - bitmap.top
        blend(canvas, bitmap.coverage, left, top, colour)
    for box in shaped.missing:
        left, right = ((x + edge) // SUBPIXELS for edge in (box.left, box.right))
        top, bottom = (baseline - edge // SUBPIXELS for edge in (box.top, box.bottom))
        fill(canvas, left, top, right - left, 1, colour)
        fill(canvas, left, bottom - 1, right - left, 1, colour)
        fill(canvas, left, top, 1, bottom - top, colour)
        fill(canvas, right - 1, top, 1, bottom - top, colour)


@lru_cache(maxsize=1 << 14)
def glyph_bitmap(face_name: str, size: int, index: int) -> Bitmap:
    """A glyph of a face. `size`: the em in pixels."""
    face = freetype_face(face_name)
    face.set_pixel_sizes(size, size)
    face.load_glyph(index, LOAD_FLAGS)
    slot, bitmap = face.glyph, face.glyph.bitmap
    rows = np.array(bitmap.buffer, np.uint16).reshape(bitmap.rows, bitmap.pitch)
    return Bitmap(rows[:, : bitmap.width], slot.bitmap_left, slot.bitmap_top)


def blend(canvas: Canvas, coverage: NDArray[np.uint16], x: int, y: int, colour: Colour) -> None:
    """Blend a colour into a canvas, as much as `coverage` says; (x, y) is its top left in pixels.
    What lies outside the canvas is cut off."""
    top, left = max(-y, 0), max(-x, 0)
    part = coverage[top : max(canvas.shape[0] - y, 0), left : max(canvas.shape[1] - x, 0)]
    if not part.size:
        return
    area = canvas[y + top : y + top + part.shape[0], x + left : x + left + part.shape[1]]
    weight = part[..., None]
    mixed = area * (FULL - weight) + np.array(colour, np.uint16) * weight  # fits 16 bits
    area[:] = (mixed + FULL // 2) // FULL


def fill(canvas: Canvas, x: int, y: int, width: int, height: int, colour: Colour) -> None:
    """Fill a rectangle. What lies outside the canvas is cut off."""
    canvas[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = colour
