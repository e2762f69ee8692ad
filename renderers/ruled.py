"""Text to rows of cells: monospaced, words whole, every row filled up to the same length.

A cell holds a character's code point, or stands for no text: the rest of a wide character or
of a row, or a role's label. Rows do not depend on one another, so that text can be cut between
any two of them. Knows nothing of pixels.

The ruled style: monospaced rows with whole words, for models that read any page.

A page is 96 × 48 cells, drawn once at 1280 px and scaled down for lower tiers, as the released
model's own preprocessing scales. It holds some 900 tokens of prose, so that Small comes to the
nine-fold compression at which DeepSeek-OCR's paper reports 97 % (arXiv 2510.18234, table 2).
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
from optimem.renderers.layout import units, wrap
from optimem.renderers.raster import Canvas, draw
from optimem.renderers.shaping import UNIT, shape
from optimem.renderers.typefaces import ASCENT, DESCENT, Font, clusters
from optimem.tiers import Tier
from optimem.turns import ROLES, Role

COLUMNS = 96
ROOM = COLUMNS - 1
"""Columns for what has ink; the last is left to a space or a line's end."""
TAB = 4
FONT = Font(21, mono=True)

FILL = 0x110000
"""The cell that stands for nothing, the first number that is no code point."""
LABELS = {role: FILL + 1 + index for index, role in enumerate(ROLES)}
LABEL_ROLES = {cell: role for role, cell in LABELS.items()}

PLAIN = re.compile(r"[\x20-\x7e]*\Z")
"""Characters of which each takes one cell."""


def label(role: Role) -> str:
    """What is drawn before a turn's first words."""
    return "" if role == "text" else f"{role.capitalize()}: "


def place(text: str, at: int = 0) -> list[int]:
    """The cells of characters side by side, from column `at` on: as many for each as it is wide,
    at least one. A mark that combines has a cell of its own."""
    if PLAIN.match(text):
        return [*map(ord, text)]
    cells: list[int] = []
    for cluster in clusters(text):
        wide = -(at + len(cells)) % TAB or TAB if cluster == "\t" else _columns(cluster)
        cells += [*map(ord, cluster), *[FILL] * (wide - len(cluster))]
    return cells


def _columns(cluster: str) -> int:
    return max(-(-shape(cluster, FONT, rtl=False).width // FONT.cell), 1)


def rows(text: str, role: Role | None = None) -> Iterator[list[int]]:
    """The rows that show a text, after a role's label if one is given; `COLUMNS` cells each."""
    for row in _rows(text, _labelled(role)):
        yield row + [FILL] * (COLUMNS - len(row))


def _labelled(role: Role | None) -> list[int]:
    return [] if role is None else [LABELS[role], *[FILL] * (len(label(role)) - 1)]


def _rows(text: str, row: list[int]) -> Iterator[list[int]]:
    for unit in _units(text):
        cells = place(unit, len(row))
        if len(row) + len(cells) > (COLUMNS if unit.isspace() else ROOM):
            yield row
            row, cells = [], place(unit)
        row = row + cells
        if unit == "\n":
            yield row
            row = []
    if row:
        yield row


def _units(text: str) -> Iterator[str]:
    """What stays together: words, or clusters of a word that is longer than a row; each white
    space by itself."""
    for line in re.split("(?<=\n)", text):
        for unit in units(line.removesuffix("\n")):
            if unit.isspace():
                yield from unit
            elif len(place(unit)) > ROOM:
                yield from clusters(unit)
            else:
                yield unit
        if line.endswith("\n"):
            yield "\n"


RULED_VERSION = "ruled-1"
"""Changes whenever the same cells would be drawn differently."""

ROWS = 48
CAPACITY = COLUMNS * ROWS
SIDE = Tier.LARGE.value
ROW_HEIGHT = 25
TOP = (SIDE - ROWS * ROW_HEIGHT) // 2
LEFT = (SIDE * UNIT - COLUMNS * FONT.cell) // 2  # 1/64 px
BOLD = Font(FONT.size, mono=True, bold=True)
INK = (0, 0, 0)
WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class RuledPage:
    """One page of rows. `cells`: (N,) uint32, N ≤ 4,608 and whole rows."""

    cells: Cells

    @cached_property
    def _drawn(self) -> Image.Image:
        canvas = np.full((SIDE, SIDE, 3), 255, np.uint8)
        for number, row in enumerate(self.cells.reshape(-1, COLUMNS)):
            _draw_row(canvas, row.tolist(), TOP + number * ROW_HEIGHT)
        return Image.fromarray(255 - canvas[..., 0])

    def image(self, tier: Tier) -> NDArray[np.uint8]:
        """(S, S) ink, 0 is blank and 255 is full."""
        size = (tier.value, tier.value)
        return np.asarray(self._drawn.resize(size, Image.Resampling.BICUBIC))


class RuledRenderer:
    """Text to rows of cells to pages, and back. Text that follows begins a new row."""

    version = RULED_VERSION
    capacity = CAPACITY

    def cells(self, text: str, role: Role | None = None) -> Cells:
        """(N,) uint32: the rows that show `text`, after the role's label if one is given."""
        found = [*rows(text, role)]
        return np.array(found, np.uint32).reshape(-1)

    def spelled(self, text: str) -> Cells:
        """The cells of characters that stand side by side in a row."""
        return np.array(place(text), np.uint32)

    def split(self, cells: Cells, room: int) -> int:
        """The largest n ≤ `room` such that cells[:n] are whole rows."""
        return min(len(cells), room // COLUMNS * COLUMNS)

    def text(self, read: ReadCells) -> Reading:
        """The text that cells show, with a probability and a cell per character."""
        kept = np.flatnonzero(read.ids < FILL)
        text = "".join(map(chr, read.ids[kept].tolist()))
        return Reading(text, read.probability[kept].astype(np.float32), kept)

    def page(self, cells: Cells) -> RuledPage:
        """A page that shows these rows. Raises InputError if they do not fit on one."""
        if len(cells) > CAPACITY:
            raise InputError(f"{len(cells)} cells do not fit on a page of {CAPACITY}; split first")
        return RuledPage(cells)

    def box(self, cell: int, tier: Tier) -> Box:
        """Pixels of a cell on a tier's page image. Where marks combine, or a row runs right to
        left, a character stands elsewhere in its row."""
        row, column = divmod(cell, COLUMNS)
        left, right = ((LEFT + at * FONT.cell) / UNIT for at in (column, column + 1))
        top, scale = TOP + row * ROW_HEIGHT, tier.value / SIDE
        return Box(left * scale, top * scale, right * scale, (top + ROW_HEIGHT) * scale)


def _draw_row(canvas: Canvas, row: Sequence[int], top: int) -> None:
    """Draw a row: each word at its column, or the whole as one line if it needs reordering."""
    baseline = top + round((ROW_HEIGHT + (ASCENT - DESCENT) * FONT.size) / 2)
    shown = ""
    if row[0] in LABEL_ROLES:
        shown = label(LABEL_ROLES[row[0]])
        draw(canvas, shape(shown, BOLD, rtl=False), LEFT, baseline, INK)
    columns = [column for column, cell in enumerate(row) if cell < FILL]
    text = "".join(chr(row[column]) for column in columns)
    if RTL.search(text):
        _draw_line(canvas, text, LEFT + len(shown) * FONT.cell, baseline)
        return
    for word in WORD.finditer(text):
        x = LEFT + columns[word.start()] * FONT.cell
        draw(canvas, shape(word.group(), FONT, rtl=False), x, baseline, INK)


def _draw_line(canvas: Canvas, text: str, left: int, baseline: int) -> None:
    """Draw a row with characters that run right to left; at the right end if all of it does."""
    (line,) = wrap(text.rstrip(), FONT, SIDE * UNIT * COLUMNS, words=False)
    if line.rtl:
        left = max(SIDE * UNIT - LEFT - line.width, left)
    for offset, part in line.parts:
        draw(canvas, part, left + offset, baseline, INK)
