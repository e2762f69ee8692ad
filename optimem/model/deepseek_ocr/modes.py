"""Modes: how a page is cut into views, and what that costs in vision tokens.

The rules of the released model's own code; knows no pixels.
"""

from dataclasses import dataclass

from optimem.errors import InputError
from optimem.tiers import Tier

TILE_LIMIT = 640
"""A page no larger than this on either side is looked at once, whatever the mode."""

MOST_TILES = 9
"""Of the model's own code; its vLLM code allows 6."""


@dataclass(frozen=True)
class Mode:
    """`base`: side of the whole page in pixels. `tile`: side of the tiles in which the page
    is looked at besides; 0 for none."""

    name: str
    base: int
    tile: int = 0

    def tokens(self, across: int = 0, down: int = 0) -> int:
        """Vision tokens of a page cut into across × down tiles, as the paper counts them."""
        return across * down * (self.tile // 64) ** 2 + (self.base // 64) ** 2

    def positions(self, across: int = 0, down: int = 0) -> int:
        """Positions of the decoder's sequence, newlines and separator included."""
        t, g = self.tile // 64, self.base // 64
        return t * down * (t * across + 1) * (across > 0) + g * (g + 1) + 1


MODES: dict[str, Mode] = {
    mode.name: mode
    for mode in (
        *(Mode(tier.label, tier.value) for tier in Tier if tier > Tier.TRACE),
        Mode("gundam", 1024, 640),
        Mode("gundam-m", 1280, 1024),
    )
}


def parse_mode(name: str) -> Mode:
    """The mode called `name`, in any case. Raises InputError for an unknown one."""
    try:
        return MODES[name.strip().lower()]
    except KeyError:
        known = ", ".join(MODES)
        raise InputError(f"no mode is called {name!r}; choose one of {known}") from None


def valid_tokens(mode: Mode, width: int, height: int) -> int:
    """Tokens of a padded page that show any of it: int(tokens · short side / long side)."""
    return int(mode.tokens() * min(width, height) / max(width, height))


def tile_grid(width: int, height: int, most: int = MOST_TILES) -> tuple[int, int]:
    """How many tiles across and down a page of this size is cut into; (0, 0) if it is small
    enough to be looked at once.

    Of all grids of 2 to `most` tiles the one whose shape is nearest to the page's; of two
    equally near the larger, if the page has more than half its pixels.
    """
    if width <= TILE_LIMIT and height <= TILE_LIMIT:
        return 0, 0
    grids = [(i, j) for i in range(1, most + 1) for j in range(1, most + 1) if 2 <= i * j <= most]
    best, nearest = (1, 1), float("inf")
    for i, j in sorted(grids, key=lambda grid: grid[0] * grid[1]):
        distance = abs(width / height - i / j)
        large_enough = width * height > 0.5 * TILE_LIMIT**2 * i * j
        if distance < nearest or (distance == nearest and large_enough):
            best, nearest = (i, j), distance
    return best
