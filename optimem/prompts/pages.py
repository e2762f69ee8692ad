"""The seam to the renderer: turns in, page images out. Knows nothing of fonts or pixels.

Exact values on pages, carried as text beside them, so that no reader has to spell an id or a
number from pixels. Knows nothing of models.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from optimem.prompts.rules import PageShape
from optimem.text.exact import exact_values
from optimem.turns import Turn


class Place(NamedTuple):
    """A place in some turns: which of them, and the characters of it before."""

    turn: int
    offset: int


@dataclass(frozen=True)
class PageImage:
    """A page as a PNG of `width` × `height` px. `end`: where its text ends; the next page goes
    on there. `size`: of its text in px."""

    width: int
    height: int
    png: bytes
    end: Place
    size: int

    @property
    def base64(self) -> str:
        """The PNG as base64 text, as requests carry it."""
        return base64.b64encode(self.png).decode()


class PageDrawer(Protocol):
    """Draws turns as readable pages."""

    def __call__(self, turns: Sequence[Turn], shape: PageShape, size: int) -> list[PageImage]:
        """Pages of a shape, in order, with text of `size` px. The same input gives the same
        bytes. Raises InputError if there is no text to draw."""


TITLE = "Exact values on these pages, to the letter:"


def page_texts(turns: Sequence[Turn], pages: Sequence[PageImage]) -> list[str]:
    """The text on each of the pages that show some turns."""
    texts, start = [], Place(0, 0)
    for page in pages:
        end = page.end
        inside = [turn.text for turn in turns[start.turn : end.turn + 1]]
        if inside:
            inside[-1] = inside[-1][: end.offset]
            inside[0] = inside[0][start.offset :]
        texts.append("\n".join(inside))
        start = end
    return texts


def values_by_page(texts: Sequence[str]) -> list[list[str]]:
    """The exact values of each page, each where it first stands."""
    seen: set[str] = set()
    found = []
    for text in texts:
        values = dict.fromkeys(text[start:end] for start, end in exact_values(text))
        found.append([value for value in values if value not in seen])
        seen |= values.keys()
    return found


def listing(values: Sequence[Sequence[str]]) -> str:
    """The values as lines, one a page; empty if there are none."""
    lines = [f"page {number}: {', '.join(own)}" for number, own in enumerate(values, 1) if own]
    return "\n".join([TITLE, *lines]) if lines else ""
