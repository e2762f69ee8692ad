"""Pages as image files, and an overview of the tiers for people to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from optimem.errors import PageError
from optimem.renderers.dense import MARGINS, canvas_cells
from optimem.renderers.fonts import font_path
from optimem.tiers import Tier

Ink = NDArray[np.uint8]
"""(S, S), 0 is blank and 255 is full."""

GREYS = 16
"""Of a page embedded in a report."""

QUICK = 3
"""Level of compression of readable pages."""

PAPER, TEXT, FAINT, RULE = "#ffffff", "#1a1d21", "#5b6570", "#d9dee3"
GOOD, BAD = "#0b6e4f", "#b3261e"
WIDTH, MARGIN = 1440, 40  # of the overview, in pixels
HEADER_HEIGHT, PANEL_HEIGHT = 140, 250
CROP = (860, 150)
"""Size in pixels of the part of a page in the overview."""

CROP_CELLS = (46, 4)
"""Columns and rows of cells that it shows."""


def save_page(ink: Ink, path: Path) -> None:
    """Save a page as a PNG, dark on white."""
    Image.fromarray(255 - ink).save(path)


def page_png(ink: Ink) -> bytes:
    """A page as a small PNG, dark on white in 16 greys."""
    buffer = BytesIO()
    grey = Image.fromarray(255 - ink).quantize(GREYS)
    grey.save(buffer, "PNG", optimize=True)
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


@dataclass(frozen=True)
class TierPanel:
    """One tier in an overview. `title`, `figures`: what is written above and beside its page;
    `line`: a line as it was read; `correct`: for each of its characters."""

    ink: Ink
    title: str
    figures: str
    line: str
    correct: Sequence[bool]


def save_overview(title: str, subtitle: str, panels: Sequence[TierPanel], path: Path) -> None:
    """Save an image of the same corner of a page on each tier, with the line read from it."""
    image = Image.new("RGB", (WIDTH, HEADER_HEIGHT + 10 + PANEL_HEIGHT * len(panels)), PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((MARGIN, 30), title, TEXT, _font("DejaVuSans-Bold", 34))
    pen.text((MARGIN, 84), subtitle, FAINT, _font("DejaVuSans", 21))
    for index, panel in enumerate(panels):
        _draw_panel(image, pen, panel, HEADER_HEIGHT + PANEL_HEIGHT * index)
    image.save(path, optimize=True)


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_path(name), size)


def _draw_panel(image: Image.Image, pen: ImageDraw.ImageDraw, panel: TierPanel, top: int) -> None:
    enlarged = Image.fromarray(255 - panel.ink).resize(
        CROP, Image.Resampling.NEAREST, _crop(Tier(panel.ink.shape[0]))
    )
    pen.line((MARGIN, top, WIDTH - MARGIN, top), RULE, 2)
    pen.text((MARGIN, top + 14), panel.title, TEXT, _font("DejaVuSans-Bold", 24))
    image.paste(enlarged, (MARGIN, top + 54))
    beside = MARGIN + CROP[0] + 30
    for row, figure in enumerate(panel.figures.split("\n")):
        pen.text((beside, top + 54 + 30 * row), figure, FAINT, _font("DejaVuSans", 20))
    _draw_line(pen, panel, MARGIN, top + 212)


def _crop(tier: Tier) -> tuple[float, float, float, float]:
    """The pixels of CROP_CELLS on a tier's page: left, top, right, bottom."""
    columns, rows = canvas_cells(tier)
    left, top = MARGINS.get(tier, (0, 0))
    width, height = tier.value / columns, tier.value / rows
    right, bottom = left + CROP_CELLS[0], top + CROP_CELLS[1]
    return left * width, top * height, right * width, bottom * height


def _draw_line(pen: ImageDraw.ImageDraw, panel: TierPanel, left: int, top: int) -> None:
    """The line as it was read, with wrong characters in red."""
    font = _font("DejaVuSansMono", 19)
    step = font.getlength("x")
    for index, (char, correct) in enumerate(zip(panel.line, panel.correct, strict=True)):
        pen.text((left + index * step, top), char, GOOD if correct else BAD, font)
