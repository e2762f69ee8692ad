"""Text to rows of cells: monospaced, words whole, every row filled up to the same length.

A cell holds a character's code point, or stands for no text: the rest of a wide character or
of a row, or a role's label. Rows do not depend on one another, so that text can be cut between
any two of them. Knows nothing of pixels.
"""

import re
from collections.abc import Iterator

from optimem.renderers.linebreak import units
from optimem.renderers.shaping import shape
from optimem.renderers.typefaces import Font, clusters
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
