"""Tables of Markdown as they look: each cell stands below the one above it. The characters stay as
they are; only the room between cells grows."""

import re
from collections.abc import Sequence
from itertools import accumulate, zip_longest

from optimem.renderers.direction import is_rtl
from optimem.renderers.layout import VisualLine, placed
from optimem.renderers.typefaces import Font

CELL = re.compile(r"\|(?:\\.|[^|\\])*|(?:\\.|[^|\\])+|\\", re.DOTALL)
"""A bar and what follows up to the next, or what stands before the first; "\\|" is no bar."""


def aligned(lines: Sequence[str], font: Font, room: int) -> list[VisualLine]:
    """The lines of a table, one for each; none if its columns need more than `room`, in 1/64 px.
    The first column of a table that is mostly read from the right is the rightmost."""
    rtl = is_rtl("".join(lines))
    rows = [[placed(cell, font, rtl) for cell in CELL.findall(line)] for line in lines]
    widths = [[sum(part.width for _, part in cell) for cell in row] for row in rows]
    stops = [0, *accumulate(map(max, zip_longest(*widths, fillvalue=0)))]
    total = stops[-1]
    if total > room:
        return []
    shown = []
    for line, row, own in zip(lines, rows, widths, strict=True):
        starts = [total - s - w if rtl else s for s, w in zip(stops, own, strict=False)]
        parts = [
            (start + x, part) for start, cell in zip(starts, row, strict=True) for x, part in cell
        ]
        width = total if rtl else max((x + part.width for x, part in parts), default=0)
        shown.append(VisualLine(tuple(parts), width, 0, len(line), rtl))
    return shown
