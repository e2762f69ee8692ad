"""Free text back to the cells of the ruled page it was read from.

A model that reads any page writes what it reads, and nobody knows beforehand how long that is.
What is stored of each row besides its vision tokens, its `RowOutline`, gives the number of
characters to expect and a short checksum that recognises the right reading. Dynamic programming
cuts the text into rows that come nearest to the outlines, preferably at the ends of lines and
words, and each row is laid into its cells. Knows no model.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeInt

from optimem.protocols import REPLACEMENT, Cells, ReadCells
from optimem.renderers.ruled import COLUMNS, FILL, LABEL_ROLES, role_label, text_cells

SLACK = 12
"""Characters by which the reading of a row may be longer or shorter than the row."""
BEAM = 64
"""Partial cuttings that are followed from one row to the next, the cheapest."""
INSIDE_WORD, BETWEEN_WORDS = 4.0, 1.0
"""Cost of a cut there; at the end of a line it is free."""
MISREAD, LEFT_OUT = 8.0, 20.0
"""Cost of a row that fails its check, and most cost of one that was not read at all."""


class RowOutline(NamedTuple):
    """What is stored of a row. `mark`: the cell of a role's label, 0 for none. `indent`,
    `ending`: white space at its start and end, the end of the line included. `length`: the
    characters between them; `check`: the low 16 bits of their CRC-32."""

    mark: int
    indent: str
    length: NonNegativeInt
    check: int
    ending: str

    @property
    def label(self) -> str:
        """What is drawn at the start but is not text."""
        return role_label(LABEL_ROLES[self.mark]) if self.mark else ""

    @property
    def expected(self) -> int:
        """Characters that a model should read."""
        return len(self.label.rstrip() if not self.length else self.label) + self.length


class ReadText(NamedTuple):
    """What a model read: `text`, and the probability of each character, (len(text),)
    float32."""

    text: str
    probability: NDArray[np.float32]


class _Cutting(NamedTuple):
    """The first rows of a text: what cutting them cost, and where each starts and ends."""

    cost: float
    rows: tuple[tuple[int, int], ...]


def outline_rows(cells: Cells) -> list[RowOutline]:
    """The outlines of a page's rows."""
    return [_outline(row.tolist()) for row in cells.reshape(-1, COLUMNS)]


def check_outlines(outlines: Sequence[RowOutline], cells: int) -> None:
    """Raises ValueError for outlines that a page of `cells` cells cannot have."""
    if len(outlines) * COLUMNS != cells:
        raise ValueError(f"{len(outlines)} rows do not make {cells} cells")
    for row in outlines:
        if row.mark and row.mark not in LABEL_ROLES:
            raise ValueError(f"{row.mark} is not the label of a role")
        if len(row.indent) + row.length + len(row.ending) > COLUMNS:
            raise ValueError(f"a row holds more than {COLUMNS} characters")


def align(read: ReadText, outlines: Sequence[RowOutline]) -> ReadCells:
    """The cells of a page, each with its probability: 1 for what its outline gives, 0 for what
    was expected and not read."""
    places = zip(outlines, cut_rows(read.text, outlines), strict=True)
    rows = [_row_cells(outline, read, start, end) for outline, (start, end) in places]
    ids = np.array([cell for row in rows for cell in row[0]], np.uint32)
    return ReadCells(ids, np.array([p for row in rows for p in row[1]], np.float32))


def cut_rows(text: str, outlines: Sequence[RowOutline]) -> list[tuple[int, int]]:
    """Where each row starts and ends in a text, so that the rows come nearest to their outlines.
    A row may be left out, and a line that belongs to no row skipped."""
    cuttings = {0: _Cutting(0.0, ())}  # by the place in the text where the next row may start
    for outline in outlines:
        following: dict[int, _Cutting] = {}
        for at, (cost, rows) in _with_skips(text, cuttings).items():
            for start, end, more in _possible_rows(text, at, outline):
                known = following.get(end)
                if known is None or cost + more < known.cost:
                    following[end] = _Cutting(cost + more, (*rows, (start, end)))
        cheapest = sorted(following.items(), key=lambda item: item[1].cost)[:BEAM]
        cuttings = dict(cheapest)
    _, best = min(cuttings.items(), key=lambda item: item[1].cost + len(text) - item[0])
    return list(best.rows)


def _with_skips(text: str, cuttings: dict[int, _Cutting]) -> dict[int, _Cutting]:
    """The cuttings, and those in which the rest of a line is skipped."""
    reached = dict(cuttings)
    for at, (cost, rows) in cuttings.items():
        start = _skip_space(text, at)
        skipped = text.find("\n", start) + 1
        more = cost + skipped - start
        if skipped and (skipped not in reached or more < reached[skipped].cost):
            reached[skipped] = _Cutting(more, rows)
    return reached


def _possible_rows(text: str, at: int, outline: RowOutline) -> Iterator[tuple[int, int, float]]:
    """Where a row may start and end from `at` on, and what that costs."""
    length = outline.expected
    yield at, at, min(length, LEFT_OUT)
    start = _skip_space(text, at)
    if not length or start == len(text):
        return
    for end in range(start + max(length - SLACK, 1), min(start + length + SLACK, len(text)) + 1):
        following = text[end : end + 1]
        if following.strip() and end != start + length:
            continue
        cost = float(abs(end - start - length))
        if following not in ("", "\n"):
            cost += BETWEEN_WORDS if following.isspace() else INSIDE_WORD
        right = _check(_one_line(text[start + len(outline.label) : end])) == outline.check
        yield start, end, 0.0 if right else cost + MISREAD


def _outline(row: list[int]) -> RowOutline:
    text = "".join(chr(cell) for cell in row if cell < FILL)
    body = text.strip()
    start = text.index(body) if body else 0
    ending = text[start + len(body) :]
    mark = row[0] if row[0] in LABEL_ROLES else 0
    return RowOutline(mark, text[:start], len(body), _check(body), ending)


def _row_cells(
    outline: RowOutline, read: ReadText, start: int, end: int
) -> tuple[list[int], list[float]]:
    """A row's cells and their probabilities, from text[start:end] of what was read."""
    start += len(outline.label)
    body = _one_line(read.text[start:end])[: outline.length].ljust(outline.length, REPLACEMENT)
    body = _CONTROL.sub(REPLACEMENT, body)  # takes no cell, so that all behind it would move
    label = [outline.mark, *[FILL] * (len(outline.label) - 1)] if outline.mark else []
    cells = label + text_cells(outline.indent + body + outline.ending, len(label))
    cells = (cells + [FILL] * COLUMNS)[:COLUMNS]
    sure = read.probability[start:end][: outline.length].tolist()
    sure += [0.0] * (outline.length - len(sure))
    known = iter([1.0] * len(outline.indent) + sure + [1.0] * len(outline.ending))
    return cells, [next(known) if cell < FILL else 1.0 for cell in cells]


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _check(body: str) -> int:
    return crc32(body.encode("utf-8", "surrogatepass")) & 0xFFFF


def _one_line(text: str) -> str:
    return text.replace("\n", " ")


def _skip_space(text: str, at: int) -> int:
    return at + len(text[at:]) - len(text[at:].lstrip())
