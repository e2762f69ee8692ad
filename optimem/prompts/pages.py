"""Pages in a prompt: the images that show old messages.

Knows nothing of fonts, of drawing (a `PageDrawer` does that) or of models.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

from optimem.prompts.rules import PageShape
from optimem.turns import Turn

X_HEIGHT = 0.547
"""Height of a small x in the typeface of the pages, as a share of its em."""


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
