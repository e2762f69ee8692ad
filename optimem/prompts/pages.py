"""Pages in a prompt: the images that show old messages, and the exact values listed beside them.

Ids, numbers and paths go into the prompt as text, so that no model has to spell them from pixels.
Knows nothing of fonts, of drawing (a `PageDrawer` does that) or of models.
"""

import base64
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

from optimem.prompts.rules import PageShape
from optimem.text.exact import hard_values
from optimem.turns import Turn

X_HEIGHT = 0.547
"""Height of a small x in the typeface of the pages, as a share of its em."""

CONTEXT_WORDS = 3
CONTEXT_LENGTH = 60
CONTEXT_WORD = re.compile(r"\w[^\W_]*(?:['’-]\w+)*")
EXACT_VALUES_TITLE = "Exact values on these pages, to the letter:"


class TextPosition(NamedTuple):
    """A position in a sequence of turns: the turn's index and a character offset in its text."""

    turn: int
    offset: int


@dataclass(frozen=True)
class PageImage:
    """A page of `width` × `height` px, drawn when its `png` is first asked for. `draw`: gives the
    PNG. `end`: where its text ends and the next page's begins. `size`: of its text, in px."""

    width: int
    height: int
    draw: Callable[[], bytes] = field(compare=False, repr=False)
    end: TextPosition
    size: int

    @cached_property
    def png(self) -> bytes:
        """The page as a PNG."""
        return self.draw()

    @property
    def base64(self) -> str:
        """The PNG as base64 text, as requests carry it."""
        return base64.b64encode(self.png).decode()

    @property
    def url(self) -> str:
        """The PNG as a data URL."""
        return f"data:image/png;base64,{self.base64}"

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        return self.png


class PageDrawer(Protocol):
    """Draws turns as readable pages."""

    def __call__(self, turns: Sequence[Turn], shape: PageShape, size: int) -> list[PageImage]:
        """Pages of the given shape, in order, with text of `size` px. The same input gives the
        same bytes. Raises InputError if there is no text to draw."""

    def undrawable_scripts(self, text: str) -> frozenset[str]:
        """The scripts of those characters in a text that no font covers; empty if all of it can
        be drawn."""


class ExactValue(NamedTuple):
    """A value that must come back verbatim. `start`: where in its turn; `context`: the words
    before it."""

    start: int
    text: str
    context: str

    def __str__(self) -> str:
        return f"{self.context} {self.text}".lstrip()


def exact_values_of(text: str) -> list[ExactValue]:
    """The values in a text that a reader of small print could get wrong."""
    found, free = [], 0
    for start, end in hard_values(text):
        line = text[max(free, start - CONTEXT_LENGTH) : start].rpartition("\n")[2]
        words = CONTEXT_WORD.findall(line)[-CONTEXT_WORDS:]
        found.append(ExactValue(start, text[start:end], " ".join(words)))
        free = end
    return found


def exact_values_by_page(
    values: Sequence[Sequence[ExactValue]], pages: Sequence[PageImage]
) -> list[list[ExactValue]]:
    """The values on each page; `values`: of each turn. A value is on the page where it begins."""
    ends = [page.end for page in pages]
    by_page: list[list[ExactValue]] = [[] for _ in pages]
    for turn, found in enumerate(values):
        for value in found:
            page = bisect_right(ends, TextPosition(turn, value.start))
            by_page[min(page, len(ends) - 1)].append(value)
    return by_page


def format_exact_values(by_page: Sequence[Sequence[ExactValue]]) -> tuple[str, int]:
    """The values under a title, one line per page, each where it first occurs; and their number.
    Empty if there are none."""
    listed: set[str] = set()
    lines = []
    for number, values in enumerate(by_page, 1):
        first = {value.text: value for value in reversed(values) if value.text not in listed}
        if first:
            shown = "; ".join(str(value) for value in sorted(first.values()))
            lines.append(f"page {number}: {shown}")
        listed |= first.keys()
    return "\n".join([EXACT_VALUES_TITLE, *lines]) if lines else "", len(listed)
