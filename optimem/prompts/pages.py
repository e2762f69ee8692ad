"""Pages in a prompt: the images that show old messages, and the exact values listed beside them.

Ids, numbers and paths go into the prompt as text, so that no model has to spell them from pixels.
Knows nothing of fonts, of drawing (a `PageDrawer` does that) or of models.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from optimem.prompts.rules import PageShape
from optimem.text.exact import exact_values
from optimem.turns import Turn

EXACT_VALUES_TITLE = "Exact values on these pages, to the letter:"


class TextPosition(NamedTuple):
    """A position in a sequence of turns: the turn's index and a character offset in its text."""

    turn: int
    offset: int


@dataclass(frozen=True)
class PageImage:
    """A page as a PNG of `width` × `height` px. `end`: where its text ends and the next page's
    begins. `size`: of its text, in px."""

    width: int
    height: int
    png: bytes
    end: TextPosition
    size: int

    @property
    def base64(self) -> str:
        """The PNG as base64 text, as requests carry it."""
        return base64.b64encode(self.png).decode()

    @property
    def url(self) -> str:
        """The PNG as a data URL."""
        return f"data:image/png;base64,{self.base64}"


class PageDrawer(Protocol):
    """Draws turns as readable pages."""

    def __call__(self, turns: Sequence[Turn], shape: PageShape, size: int) -> list[PageImage]:
        """Pages of the given shape, in order, with text of `size` px. The same input gives the
        same bytes. Raises InputError if there is no text to draw."""

    def undrawable_scripts(self, text: str) -> frozenset[str]:
        """The scripts of those characters in a text that no font covers; empty if all of it can
        be drawn."""


def page_texts(turns: Sequence[Turn], pages: Sequence[PageImage]) -> list[str]:
    """The text that each page shows of the turns."""
    texts, start = [], TextPosition(0, 0)
    for page in pages:
        end = page.end
        shown = [turn.text for turn in turns[start.turn : end.turn + 1]]
        if shown:
            shown[-1] = shown[-1][: end.offset]  # first, as both cuts may be in one turn
            shown[0] = shown[0][start.offset :]
        texts.append("\n".join(shown))
        start = end
    return texts


def exact_values_by_page(texts: Sequence[str]) -> list[list[str]]:
    """The exact values of each page's text; a value counts where it first occurs."""
    listed: set[str] = set()
    by_page = []
    for text in texts:
        values = dict.fromkeys(text[start:end] for start, end in exact_values(text))
        by_page.append([value for value in values if value not in listed])
        listed |= values.keys()
    return by_page


def format_exact_values(by_page: Sequence[Sequence[str]]) -> str:
    """The values under a title, one line per page; empty if there are none."""
    lines = [
        f"page {number}: {', '.join(values)}" for number, values in enumerate(by_page, 1) if values
    ]
    return "\n".join([EXACT_VALUES_TITLE, *lines]) if lines else ""
