"""What an image costs: the formulas by which providers turn pixels into billable tokens.

One small class a formula; which model uses which, with source and date, is in `rules`.
Knows nothing of models or prices.
"""

from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Protocol


class ImageFormula(Protocol):
    """Pixels to tokens."""

    def tokens(self, width: int, height: int) -> int:
        """Billable tokens of an image of `width` × `height` pixels, both at least 1."""


@dataclass(frozen=True)
class Tiles:
    """OpenAI's tiles: fit into `square`, shortest side down to `short`, then `base` tokens and
    `each` for every square of `tile` px that is begun."""

    base: int
    each: int
    square: int = 2048
    short: int = 768
    tile: int = 512

    def __str__(self) -> str:
        return f"{self.base} + {self.each} a {self.tile} px tile"

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`."""
        width, height = _shrunk(width, height, min(1.0, self.square / max(width, height)))
        width, height = _shrunk(width, height, min(1.0, self.short / min(width, height)))
        return self.base + self.each * ceil(width / self.tile) * ceil(height / self.tile)


@dataclass(frozen=True)
class Patches:
    """OpenAI's patches of 32 px: fit into `edge`, then into `budget` patches, times `factor`."""

    factor: float
    budget: int
    edge: int = 2048
    patch: int = 32

    def __str__(self) -> str:
        return f"{self.factor} × {self.patch} px patches, at most {self.budget}"

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`. Floating-point rounding in billing may differ by one token."""
        width, height = _shrunk(width, height, min(1.0, self.edge / max(width, height)))
        if self._count(width, height) > self.budget:
            scale = sqrt(self.patch**2 * self.budget / (width * height))
            scale *= min(self._whole(width * scale), self._whole(height * scale))
            width, height = _shrunk(width, height, scale)
        return ceil(round(self._count(width, height) * self.factor, 6))

    def _count(self, width: int, height: int) -> int:
        return ceil(width / self.patch) * ceil(height / self.patch)

    def _whole(self, side: float) -> float:
        """By how much a side must shrink to be a whole number of patches."""
        return max(floor(side / self.patch), 1) / (side / self.patch)


@dataclass(frozen=True)
class VisualTokens:
    """Anthropic's visual tokens of 28 px: the largest size of the same shape whose padded sides
    are at most `edge` px and that costs at most `budget` tokens."""

    edge: int
    budget: int
    patch: int = 28

    def __str__(self) -> str:
        return f"{self.patch} px squares, at most {self.budget}"

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`."""
        return self._count(*self.resized(width, height))

    def resized(self, width: int, height: int) -> tuple[int, int]:
        """The size at which the model sees an image."""
        if self._fits(width, height):
            return width, height
        if height > width:
            turned = self.resized(height, width)
            return turned[1], turned[0]
        shape, fits, too_large = width / height, 1, width
        while fits + 1 < too_large:
            middle = (fits + too_large) // 2
            if self._fits(middle, self._short(middle, shape)):
                fits = middle
            else:
                too_large = middle
        return fits, self._short(fits, shape)

    def _fits(self, width: int, height: int) -> bool:
        padded = max(ceil(width / self.patch), ceil(height / self.patch)) * self.patch
        return padded <= self.edge and self._count(width, height) <= self.budget

    def _count(self, width: int, height: int) -> int:
        return ceil(width / self.patch) * ceil(height / self.patch)

    @staticmethod
    def _short(long: int, shape: float) -> int:
        return max(round(long / shape), 1)


@dataclass(frozen=True)
class Crops:
    """Gemini up to 2.5: `each` tokens if both sides are at most `small` px, else for every crop
    of about two thirds of the shorter side."""

    each: int = 258
    small: int = 384

    def __str__(self) -> str:
        return f"{self.each} a crop"

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`."""
        if max(width, height) <= self.small:
            return self.each
        unit = max(floor(min(width, height) / 1.5), 1)
        return self.each * ceil(width / unit) * ceil(height / unit)


@dataclass(frozen=True)
class Fixed:
    """The same whatever the size: Gemini 3, by the level of `media_resolution`."""

    each: int

    def __str__(self) -> str:
        return f"{self.each}"

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`."""
        return self.each


@dataclass(frozen=True)
class Grid:
    """One token for every square of `patch` px that is begun, and `extra`: Qwen-VL."""

    patch: int
    extra: int = 0

    def __str__(self) -> str:
        return f"{self.patch} px squares" + (f" + {self.extra}" if self.extra else "")

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`."""
        return ceil(width / self.patch) * ceil(height / self.patch) + self.extra


@dataclass(frozen=True)
class Scaled:
    """Another formula, times a factor that was measured."""

    formula: ImageFormula
    factor: float

    def __str__(self) -> str:
        return f"{self.factor:.3f} × ({self.formula})"

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`."""
        return ceil(round(self.formula.tokens(width, height) * self.factor, 6))


def _shrunk(width: int, height: int, scale: float) -> tuple[int, int]:
    """A size scaled down to whole pixels, at least one; exact where the product is whole."""
    return max(int(width * scale + 1e-6), 1), max(int(height * scale + 1e-6), 1)
