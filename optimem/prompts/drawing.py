"""The seam to the renderer: turns in, page images out. Knows nothing of fonts or pixels."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from optimem.prompts.rules import PageShape
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


def default_drawer() -> PageDrawer:
    """The readable renderer that ships."""
    from optimem.build import page_drawer

    return page_drawer()
