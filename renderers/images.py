"""Pages as image files, and image files as ink."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, UnidentifiedImageError

from optimem.errors import PageError
from optimem.protocols import Box

Ink = NDArray[np.uint8]
"""(S, S), 0 is blank and 255 is full."""

GREYS = 16
"""Of a page embedded in a report."""

FRAME, FRAME_COLOUR = 2, (200, 30, 30)
"""Pixels and colour of the frame around a line."""

QUICK = 3
"""Level of compression of readable pages."""


def save_page(ink: Ink, path: Path) -> None:
    """Save a page as a PNG, dark on white."""
    Image.fromarray(255 - ink).save(path)


def page_png(ink: Ink) -> bytes:
    """A page as a small PNG, dark on white in 16 greys."""
    buffer = BytesIO()
    grey = Image.fromarray(255 - ink).quantize(GREYS)
    grey.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def boxed_png(ink: Ink, boxes: Sequence[Box]) -> bytes:
    """A page as `page_png` has it, with a frame around each box."""
    if not boxes:
        return page_png(ink)
    image = Image.fromarray(255 - ink).convert("RGB")
    draw, side = ImageDraw.Draw(image), ink.shape[0]
    for box in boxes:
        left, top = (max(round(edge) - FRAME, 0) for edge in box[:2])
        right, bottom = (min(round(edge) + FRAME - 1, side - 1) for edge in box[2:])
        draw.rectangle((left, top, right, bottom), outline=FRAME_COLOUR, width=FRAME)
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def thumbnail_png(ink: Ink, side: int) -> bytes:
    """A page as `page_png` has it, at `side` pixels a side."""
    small = Image.fromarray(ink).resize((side, side), Image.Resampling.BOX)
    return page_png(np.asarray(small))


def readable_png(image: Image.Image) -> bytes:
    """A readable page as a PNG, compressed as far as is quick: with the next better settings it
    takes ten times as long for 2 % less."""
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=QUICK)
    return buffer.getvalue()


def load_ink(path: Path) -> Ink:
    """The ink of an image file, (H, W). Raises PageError for a file that is not an image."""
    try:
        return 255 - np.asarray(Image.open(path).convert("L"))
    except (UnidentifiedImageError, OSError) as error:
        raise PageError(f"{path} cannot be opened as an image ({error}); give a PNG") from error


def enlarge(ink: Ink, times: int) -> Ink:
    """An image (H, W) as (H · times, W · times), by cubic convolution."""
    size = (ink.shape[1] * times, ink.shape[0] * times)
    return np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC))
