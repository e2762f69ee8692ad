"""The overview of a page at every tier, for people to look at: the same rows of the page, one of
them boxed, and below it that row as it was read, each character under its own cell.

Knows nothing of how pages are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from optimem.renderers.dense import COLUMNS, MARGINS, ROWS, canvas_cells
from optimem.renderers.fonts import font_path
from optimem.renderers.images import Ink
from optimem.tiers import Tier

SHOWN_CELLS = 46
"""Columns of a page that a panel shows."""
SHOWN_ROWS = 3
CELL = (19, 38)
"""Pixels of a cell in the overview."""

PAPER, TEXT, FAINT, RULE, BOX = "#ffffff", "#1a1d21", "#5b6570", "#d9dee3", "#c2410c"
WIDTH, MARGIN = 1440, 40  # in pixels
HEADER_HEIGHT, PANEL_HEIGHT = 196, 252
TITLE_HEIGHT = 54  # of a panel
LINE_HEIGHT = 29


class Mark(Enum):
    """How a character of a line came back, as the colour it is drawn in."""

    READ = "#0b6e4f"
    VERBATIM = "#1d4ed8"
    DOUBTFUL = "#b3261e"


LEGEND = (
    ("read from the vision tokens", Mark.READ),
    ("kept verbatim beside them", Mark.VERBATIM),
    ("� doubtful", Mark.DOUBTFUL),
)


@dataclass(frozen=True)
class ShownLine:
    """A row of a page as it was read. `start`: its first cell on the page. `text`, `marks`: a
    character and a mark for each of its cells, at most `SHOWN_CELLS`."""

    start: int
    text: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class TierPanel:
    """One tier in an overview. `title`, `figures`: what is written above and beside its page."""

    ink: Ink
    title: str
    figures: Sequence[str]
    line: ShownLine


def save_overview(
    title: str, subtitles: Sequence[str], panels: Sequence[TierPanel], path: Path
) -> None:
    """Save an image of the same rows of a page on each tier. `subtitles`: at most two lines."""
    image = Image.new("RGB", (WIDTH, HEADER_HEIGHT + 10 + PANEL_HEIGHT * len(panels)), PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((MARGIN, 28), title, TEXT, _font("DejaVuSans-Bold", 34))
    for row, subtitle in enumerate(subtitles):
        pen.text((MARGIN, 80 + 32 * row), subtitle, FAINT, _font("DejaVuSans", 21))
    _draw_legend(pen, HEADER_HEIGHT - 44)
    for index, panel in enumerate(panels):
        _draw_panel(image, pen, panel, HEADER_HEIGHT + PANEL_HEIGHT * index)
    image.save(path, optimize=True)


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_path(name), size)


def _draw_legend(pen: ImageDraw.ImageDraw, top: int) -> None:
    left, font = float(MARGIN), _font("DejaVuSansMono", 19)
    for name, mark in LEGEND:
        pen.text((left, top), name, mark.value, font)
        if mark is Mark.VERBATIM:
            _underline(pen, left, top + 24, font.getlength(name))
        left += font.getlength(name) + 44


def _draw_panel(image: Image.Image, pen: ImageDraw.ImageDraw, panel: TierPanel, top: int) -> None:
    row, column = divmod(panel.line.start, COLUMNS)
    first = min(max(row - 1, 0), ROWS - SHOWN_ROWS)
    size = (SHOWN_CELLS * CELL[0], SHOWN_ROWS * CELL[1])
    crop = _crop(Tier(panel.ink.shape[0]), column, first)
    enlarged = Image.fromarray(255 - panel.ink).resize(size, Image.Resampling.NEAREST, crop)
    page = top + TITLE_HEIGHT
    pen.line((MARGIN, top, WIDTH - MARGIN, top), RULE, 2)
    pen.text((MARGIN, top + 14), panel.title, TEXT, _font("DejaVuSans-Bold", 24))
    image.paste(enlarged, (MARGIN, page))
    boxed = page + (row - first) * CELL[1]
    pen.rectangle((MARGIN - 4, boxed - 1, MARGIN + size[0] + 3, boxed + CELL[1]), None, BOX, 3)
    for number, figure in enumerate(panel.figures):
        place = (MARGIN + size[0] + 30, page + LINE_HEIGHT * number)
        pen.text(place, figure, FAINT, _font("DejaVuSans", 20))
    _draw_line(pen, panel.line, page + size[1] + 16)


def _crop(tier: Tier, column: int, row: int) -> tuple[float, float, float, float]:
    """The pixels of the cells shown on a tier's page: left, top, right, bottom."""
    columns, rows = canvas_cells(tier)
    left, top = MARGINS.get(tier, (0, 0))
    width, height = tier.value / columns, tier.value / rows
    left, top = left + column, top + row
    right, bottom = left + SHOWN_CELLS, top + SHOWN_ROWS
    return left * width, top * height, right * width, bottom * height


def _draw_line(pen: ImageDraw.ImageDraw, line: ShownLine, top: int) -> None:
    """The line as it was read, each character below its cell; colour alone tells nothing: what is
    verbatim is underlined, what is doubtful is �."""
    font = _font("DejaVuSansMono", 25)
    inset = (CELL[0] - font.getlength("x")) / 2
    for index, (char, mark) in enumerate(zip(line.text, line.marks, strict=True)):
        left = MARGIN + index * CELL[0]
        pen.text((left + inset, top), char, mark.value, font)
        if mark is Mark.VERBATIM:
            _underline(pen, left, top + 31, CELL[0])


def _underline(pen: ImageDraw.ImageDraw, left: float, top: float, width: float) -> None:
    pen.line((left, top, left + width, top), Mark.VERBATIM.value, 2)
