"""Shaped glyphs to pixels, by FreeType: unhinted, blended in whole numbers, always the same.

Knows nothing of text or layout.
"""

from functools import lru_cache
from typing import NamedTuple

import freetype
import numpy as np
from numpy.typing import NDArray

from optimem.renderers.shaping import UNIT, Shaped
from optimem.renderers.typefaces import freetype_face

Colour = tuple[int, int, int]
Canvas = NDArray[np.uint8]
"""(H, W, 3) RGB."""

FLAGS = freetype.FT_LOAD_RENDER | freetype.FT_LOAD_NO_HINTING
FULL = 255


class Bitmap(NamedTuple):
    """A glyph's coverage (h, w), and where its top left lies from the origin, y upwards."""

    coverage: NDArray[np.uint16]
    left: int
    top: int


@lru_cache(maxsize=1 << 14)
def glyph_bitmap(face_name: str, size: int, index: int) -> Bitmap:
    """A glyph at a size in pixels."""
    face = freetype_face(face_name)
    face.set_pixel_sizes(size, size)
    face.load_glyph(index, FLAGS)
    slot, bitmap = face.glyph, face.glyph.bitmap
    rows = np.array(bitmap.buffer, np.uint16).reshape(bitmap.rows, bitmap.pitch)
    return Bitmap(rows[:, : bitmap.width], slot.bitmap_left, slot.bitmap_top)


def blend(canvas: Canvas, coverage: NDArray[np.uint16], x: int, y: int, colour: Colour) -> None:
    """Lay a colour over a canvas where there is coverage; what lies outside is cut off."""
    top, left = max(-y, 0), max(-x, 0)
    part = coverage[top : max(canvas.shape[0] - y, 0), left : max(canvas.shape[1] - x, 0)]
    if not part.size:
        return
    area = canvas[y + top : y + top + part.shape[0], x + left : x + left + part.shape[1]]
    weight = part[..., None].astype(np.uint32)
    mixed = area * (FULL - weight) + np.array(colour, np.uint32) * weight
    area[:] = (mixed + FULL // 2) // FULL


def fill(canvas: Canvas, x: int, y: int, width: int, height: int, colour: Colour) -> None:
    """Paint a rectangle."""
    canvas[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = colour


def draw(canvas: Canvas, shaped: Shaped, x: int, baseline: int, colour: Colour) -> None:
    """Draw shaped text; `x` in 1/64 px, `baseline` in pixels from the top."""
    for glyph in shaped.glyphs:
        bitmap = glyph_bitmap(glyph.face, glyph.size, glyph.number)
        left = (x + glyph.x + UNIT // 2) // UNIT + bitmap.left
        top = baseline - (glyph.y + UNIT // 2) // UNIT - bitmap.top
        blend(canvas, bitmap.coverage, left, top, colour)
    for frame in shaped.frames:
        left, right = ((x + edge) // UNIT for edge in (frame.left, frame.right))
        top, bottom = baseline - frame.top // UNIT, baseline - frame.bottom // UNIT
        fill(canvas, left, top, right - left, 1, colour)
        fill(canvas, left, bottom - 1, right - left, 1, colour)
        fill(canvas, left, top, 1, bottom - top, colour)
        fill(canvas, right - 1, top, 1, bottom - top, colour)
