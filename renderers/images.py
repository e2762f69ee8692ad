"""Pages as PNG files, and images made of them for people to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from optimem.errors import PageError
from optimem.renderers.dense import MARGINS, canvas_cells
from optimem.tiers import Tier

Ink = NDArray[np.uint8]

FONTS = Path(__file__).parent / "fonts"
PAPER, TEXT, FAINT, GOOD, BAD = "#ffffff", "#1a1d21", "#5b6570", "#0b6e4f", "#b3261e"
WIDTH, MARGIN, STRIP = 1440, 40, 250
GREYS = 16  # of a page embedded in a report
COLOURS = 32  # of a readable page: paper, tint, and inks blended with them
CROP = (860, 150)  # pixels on the image; cells of the page that they show:
CROP_CELLS = (46, 4)


def save_page(ink: Ink, path: Path) -> None:
    """Write a page as a PNG, dark ink on white."""
    Image.fromarray(255 - ink).save(path)


def enlarge(ink: Ink, times: int) -> Ink:
    """An image (S, S) as (S · times, S · times), by cubic convolution."""
    size = (ink.shape[1] * times, ink.shape[0] * times)
    return np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC))


def page_png(ink: Ink) -> bytes:
    """A page as the bytes of a small PNG: 16 greys, dark ink on white."""
    buffer = BytesIO()
    grey = Image.fromarray(255 - ink).quantize(GREYS)
    grey.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def readable_png(pixels: NDArray[np.uint8]) -> bytes:
    """A readable page (H, W, 3) as the bytes of a small PNG of at most 32 colours."""
    buffer = BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.quantize(COLOURS, Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def load_ink(path: Path) -> Ink:
    """The ink of an image file. Raises PageError for what is no image."""
    try:
        return 255 - np.asarray(Image.open(path).convert("L"))
    except (UnidentifiedImageError, OSError) as error:
        raise PageError(f"{path} cannot be opened as an image ({error}); give a PNG") from error


@dataclass(frozen=True)
class Stage:
    """One tier in the overview: its page, what it is, how it reads, a line as read, and which
    characters of that line are right."""

    ink: Ink
    title: str
    figures: str
    line: str
    right: Sequence[bool]


def overview(title: str, subtitle: str, stages: Sequence[Stage], path: Path) -> None:
    """Draw the same corner of a page on every tier, one below the other, with what is read."""
    sheet = Image.new("RGB", (WIDTH, 150 + STRIP * len(stages)), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, 30), title, TEXT, _font("DejaVuSans-Bold", 34))
    pen.text((MARGIN, 84), subtitle, FAINT, _font("DejaVuSans", 21))
    for index, stage in enumerate(stages):
        _draw_stage(sheet, pen, stage, 140 + STRIP * index)
    sheet.save(path, optimize=True)


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / f"{name}.ttf", size)


def _draw_stage(sheet: Image.Image, pen: ImageDraw.ImageDraw, stage: Stage, top: int) -> None:
    tier = Tier(stage.ink.shape[0])
    columns, rows = canvas_cells(tier)
    left, first = MARGINS.get(tier, (0, 0))
    across, down = tier.value / columns, tier.value / rows
    box = (
        left * across,
        first * down,
        (left + CROP_CELLS[0]) * across,
        (first + CROP_CELLS[1]) * down,
    )
    enlarged = Image.fromarray(255 - stage.ink).resize(CROP, Image.Resampling.NEAREST, box)
    pen.line((MARGIN, top, WIDTH - MARGIN, top), "#d9dee3", 2)
    pen.text((MARGIN, top + 14), stage.title, TEXT, _font("DejaVuSans-Bold", 24))
    sheet.paste(enlarged, (MARGIN, top + 54))
    beside = MARGIN + CROP[0] + 30
    for row, figure in enumerate(stage.figures.split("\n")):
        pen.text((beside, top + 54 + 30 * row), figure, FAINT, _font("DejaVuSans", 20))
    _draw_line(pen, stage, MARGIN, top + 212)


def _draw_line(pen: ImageDraw.ImageDraw, stage: Stage, left: int, top: int) -> None:
    """The line as read; what is wrong or uncertain in red."""
    font = _font("DejaVuSansMono", 19)
    step = font.getlength("x")
    for index, (char, right) in enumerate(zip(stage.line, stage.right, strict=True)):
        pen.text((left + index * step, top), char, GOOD if right else BAD, font)
