"""The ruled style: monospaced rows of cells with whole words, for a model that reads any page.

A page is 96 × 48 cells, drawn once at 1280 px and scaled down for lower tiers, as the released
model's own preprocessing scales. It holds some 900 tokens of prose, so that Small comes to the
nine-fold compression at which DeepSeek-OCR's paper reports 97 % (arXiv 2510.18234, table 2).

A cell holds a character's code point, or stands for no text: FILL for the rest of a wide character
or of a row, or a role's label. Rows do not depend on one another, so text can be cut between any
two of them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from optimem.errors import InputError
from optimem.protocols import Box, Cells, ReadCells, Reading
from optimem.renderers.direction import RTL
from optimem.renderers.layout import TAB_COLUMNS, segments, wrap
from optimem.renderers.raster import InkPlan
from optimem.renderers.shaping import SUBPIXELS, shape
from optimem.renderers.typefaces import ASCENT, DESCENT, Font, graphemes
from optimem.tiers import Tier
from optimem.turns import ROLES, Role

RULED_VERSION = "ruled-3"
"""Changes whenever the same cells would be drawn differently."""

COLUMNS, ROWS = 96, 48
CAPACITY = COLUMNS * ROWS
INK_COLUMNS = COLUMNS - 1
"""Columns for characters with ink; the last is left to a space or a newline."""

FILL = 0x110000
"""The cell that stands for nothing: the first number that is not a code point."""

LABELS = {role: FILL + 1 + index for index, role in enumerate(ROLES)}
LABEL_ROLES = {cell: role for role, cell in LABELS.items()}

SIDE = Tier.LARGE.value
ROW_HEIGHT = 25  # pixels
FONT = Font(21, mono=True)
BOLD = Font(FONT.size, mono=True, bold=True)
TOP = (SIDE - ROWS * ROW_HEIGHT) // 2  # pixels
LEFT = (SIDE * SUBPIXELS - COLUMNS * FONT.cell) // 2  # 1/64 px

ASCII = re.compile(r"[\x20-\x7e]*\Z")
WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class RuledPage:
    """One page of rows. `cells`: (N,) uint32, N ≤ 4,608, in whole rows."""

    cells: Cells

    def image(self, tier: Tier) -> NDArray[np.uint8]:
        """(S, S) ink, 0 is blank and 255 is full."""
        size = (tier.value, tier.value)
        return np.asarray(self._drawn.resize(size, Image.Resampling.BICUBIC))

    @cached_property
    def _drawn(self) -> Image.Image:
        plan = InkPlan()
        for number, row in enumerate(self.cells.reshape(-1, COLUMNS)):
            _plan_row(plan, row.tolist(), TOP + number * ROW_HEIGHT)
        return Image.fromarray(plan.ink(SIDE, SIDE))


class RuledRenderer:
    """Text to rows of cells to pages, and back. Each text begins a new row."""

    version = RULED_VERSION
    capacity = CAPACITY

    def cells(self, text: str, role: Role | None = None) -> Cells:
        """(N,) uint32: the rows that show `text`, after the role's label if one is given."""
        rows = [row + [FILL] * (COLUMNS - len(row)) for row in _rows(text, role)]
        return np.array(rows, np.uint32).reshape(-1)

    def split(self, cells: Cells, room: int) -> int:
        """The largest n ≤ `room` such that cells[:n] are whole rows."""
        return min(len(cells), room // COLUMNS * COLUMNS)

    def text(self, read: ReadCells) -> Reading:
        """The text that cells show, with the probability and cell of each character."""
        kept = np.flatnonzero(read.ids < FILL)
        text = "".join(map(chr, read.ids[kept].tolist()))
        return Reading(text, read.probability[kept].astype(np.float32), kept)

    def page(self, cells: Cells) -> RuledPage:
        """A page that shows these rows. Raises InputError if there are more than `capacity`."""
        if len(cells) > CAPACITY:
            raise InputError(f"{len(cells)} cells do not fit on a page of {CAPACITY}; split first")
        return RuledPage(cells)

    def box(self, cell: int, tier: Tier) -> Box:
        """Pixels of a cell on a tier's page image. In a row with combining marks or text that
        runs right to left, a character may be drawn elsewhere in the row."""
        row, column = divmod(cell, COLUMNS)
        left, right = ((LEFT + at * FONT.cell) / SUBPIXELS for at in (column, column + 1))
        top, scale = TOP + row * ROW_HEIGHT, tier.value / SIDE
        return Box(left * scale, top * scale, right * scale, (top + ROW_HEIGHT) * scale)


def role_label(role: Role) -> str:
    """What is drawn before a turn's first words."""
    return "" if role == "text" else f"{role.capitalize()}: "


def text_cells(text: str, column: int = 0) -> list[int]:
    """The cells of characters side by side, from a column on: as many for each as it is wide, at
    least one. A combining mark has a cell of its own."""
    if ASCII.match(text):
        return [*map(ord, text)]
    cells: list[int] = []
    for grapheme in graphemes(text):
        width = _columns(grapheme, column + len(cells))
        cells += [*map(ord, grapheme), *[FILL] * (width - len(grapheme))]
    return cells


def _columns(grapheme: str, column: int) -> int:
    """How many columns a character takes that starts at `column`."""
    if grapheme == "\t":
        return -column % TAB_COLUMNS or TAB_COLUMNS
    return max(-(-shape(grapheme, FONT, rtl=False).width // FONT.cell), 1)


def _rows(text: str, role: Role | None) -> Iterator[list[int]]:
    """The rows that show a text, after a role's label if one is given, of up to COLUMNS cells."""
    row = [] if role is None else [LABELS[role], *[FILL] * (len(role_label(role)) - 1)]
    for unit in _units(text):
        cells = text_cells(unit, len(row))
        if len(row) + len(cells) > (COLUMNS if unit.isspace() else INK_COLUMNS):
            yield row
            row, cells = [], text_cells(unit)
        row = row + cells
        if unit == "\n":
            yield row
            row = []
    if row:
        yield row


def _units(text: str) -> Iterator[str]:
    """What stays together in a row: a word, or a character of a word that is longer than a row;
    each white space by itself."""
    for line in re.split("(?<=\n)", text):
        for segment in segments(line.removesuffix("\n")):
            if segment.isspace():
                yield from segment
            elif len(text_cells(segment)) > INK_COLUMNS:
                yield from graphemes(segment)
            else:
                yield segment
        if line.endswith("\n"):
            yield "\n"


def _plan_row(plan: InkPlan, row: Sequence[int], top: int) -> None:
    """Set a row: each word at its column, or all of it as one line if it needs reordering."""
    baseline = top + round((ROW_HEIGHT + (ASCENT - DESCENT) * FONT.size) / 2)
    label = ""
    if row[0] in LABEL_ROLES:
        label = role_label(LABEL_ROLES[row[0]])
        plan.add(shape(label, BOLD, rtl=False), LEFT, baseline)
    columns = [column for column, cell in enumerate(row) if cell < FILL]
    text = "".join(chr(row[column]) for column in columns)
    if RTL.search(text):
        _plan_line(plan, text, LEFT + len(label) * FONT.cell, baseline)
        return
    for word in WORD.finditer(text):
        x = LEFT + columns[word.start()] * FONT.cell
        plan.add(shape(word.group(), FONT, rtl=False), x, baseline)


def _plan_line(plan: InkPlan, text: str, left: int, baseline: int) -> None:
    """Set a row with text that runs right to left; at the right end if all of it does."""
    (line,) = wrap(text.rstrip(), FONT, SIDE * SUBPIXELS * COLUMNS, words=False)
    if line.rtl:
        left = max(SIDE * SUBPIXELS - LEFT - line.width, left)
    for offset, part in line.parts:
        plan.add(part, left + offset, baseline)
