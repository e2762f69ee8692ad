"""What an image costs: the formulas by which providers turn pixels into billable tokens.

One small class per formula. Knows nothing of models or prices: `rules` says which model uses
which formula, with source and date.
"""

from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Protocol


class ImageFormula(Protocol):
    """Pixels to tokens."""

    def tokens(self, width: int, height: int) -> int:
        """Billable tokens of an image of `width` × `height` pixels, both at least 1."""

    def seen(self, width: int, height: int) -> float:
        """How much smaller the model sees such an image: a share of its sides, 1 at most."""


@dataclass(frozen=True)
class Tiles:
    """OpenAI's tiles: the image is fitted into `square` px, its shorter side reduced to `short`
    px; it costs `base` tokens, and `each` per tile of `tile` px, partial ones included."""

    base: int
    each: int
    square: int = 2048
    short: int = 768
    tile: int = 512

    def __str__(self) -> str:
        return f"{self.base} + {self.each} per {self.tile} px tile"

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`."""
        width, height = _shrunk(width, height, min(1.0, self.square / max(width, height)))
        width, height = _shrunk(width, height, min(1.0, self.short / min(width, height)))
        return self.base + self.each * _squares(width, height, self.tile)

    def seen(self, width: int, height: int) -> float:
        """See `ImageFormula`."""
        fitted = min(1.0, self.square / max(width, height))
        return fitted * min(1.0, self.short / (min(width, height) * fitted))


@dataclass(frozen=True)
class Patches:
    """OpenAI's patches of 32 px: the image is fitted into `edge` px, then into `budget` patches;
    each patch costs `factor` tokens."""

    factor: float
    budget: int
    edge: int = 2048
    patch: int = 32

    def __str__(self) -> str:
        return f"{self.factor} × {self.patch} px patches, at most {self.budget}"

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`. Floating-point rounding in billing may differ by one token."""
        seen = _shrunk(width, height, self.seen(width, height))
        return ceil(round(_squares(*seen, self.patch) * self.factor, 6))

    def seen(self, width: int, height: int) -> float:
        """See `ImageFormula`."""
        fitted = min(1.0, self.edge / max(width, height))
        wide, high = _shrunk(width, height, fitted)
        if _squares(wide, high, self.patch) <= self.budget:
            return fitted
        scale = sqrt(self.patch**2 * self.budget / (wide * high))
        scale *= min(self._whole(wide * scale), self._whole(high * scale))
        return scale * wide / width

    def _whole(self, side: float) -> float:
        """The factor that shrinks a side to a whole number of patches."""
        return max(floor(side / self.patch), 1) / (side / self.patch)


@dataclass(frozen=True)
class VisualTokens:
    """Anthropic's visual tokens of 28 px: one per square of the image, at the largest size of the
    same shape with padded sides of at most `edge` px and at most `budget` tokens."""

    edge: int
    budget: int
    patch: int = 28

    def __str__(self) -> str:
        return f"{self.patch} px squares, at most {self.budget}"

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`."""
        return _squares(*self.resized(width, height), self.patch)

    def seen(self, width: int, height: int) -> float:
        """See `ImageFormula`."""
        return self.resized(width, height)[0] / width

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
            if self._fits(middle, _short_side(middle, shape)):
                fits = middle
            else:
                too_large = middle
        return fits, _short_side(fits, shape)

    def _fits(self, width: int, height: int) -> bool:
        padded = max(ceil(width / self.patch), ceil(height / self.patch)) * self.patch
        return padded <= self.edge and _squares(width, height, self.patch) <= self.budget


@dataclass(frozen=True)
class Crops:
    """Gemini up to 2.5: `each` tokens if both sides are at most `small` px, else `each` per crop,
    a square whose side is two thirds of the image's shorter side, shown at `crop` px."""

    each: int = 258
    small: int = 384
    crop: int = 768

    def __str__(self) -> str:
        return f"{self.each} per crop"

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`."""
        if max(width, height) <= self.small:
            return self.each
        return self.each * _squares(width, height, self._unit(width, height))

    def seen(self, width: int, height: int) -> float:
        """See `ImageFormula`."""
        return min(1.0, self.crop / self._unit(width, height))

    def _unit(self, width: int, height: int) -> int:
        return max(floor(min(width, height) / 1.5), 1)


@dataclass(frozen=True)
class Fixed:
    """Gemini 3: `each` tokens whatever the size, by the level of `media_resolution`. At which size
    the model sees an image is not published; it is taken to be the whole."""

    each: int

    def __str__(self) -> str:
        return f"{self.each}"

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`."""
        return self.each

    def seen(self, width: int, height: int) -> float:
        """See `ImageFormula`."""
        return 1.0


@dataclass(frozen=True)
class Grid:
    """Qwen-VL: one token per square of `patch` px, partial ones included, and `extra`."""

    patch: int
    extra: int = 0

    def __str__(self) -> str:
        return f"{self.patch} px squares" + (f" + {self.extra}" if self.extra else "")

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`."""
        return _squares(width, height, self.patch) + self.extra

    def seen(self, width: int, height: int) -> float:
        """See `ImageFormula`."""
        return 1.0


@dataclass(frozen=True)
class Scaled:
    """Another formula times a measured factor."""

    formula: ImageFormula
    factor: float

    def __str__(self) -> str:
        return f"{self.factor:.3f} × ({self.formula})"

    def tokens(self, width: int, height: int) -> int:
        """See `ImageFormula`."""
        return ceil(round(self.formula.tokens(width, height) * self.factor, 6))

    def seen(self, width: int, height: int) -> float:
        """See `ImageFormula`."""
        return self.formula.seen(width, height)


def _squares(width: int, height: int, side: int) -> int:
    """Squares of `side` px that cover an image, partial ones included."""
    return ceil(width / side) * ceil(height / side)


def _short_side(long: int, shape: float) -> int:
    return max(round(long / shape), 1)


def _shrunk(width: int, height: int, scale: float) -> tuple[int, int]:
    """A size scaled down to whole pixels, at least one; exact where the product is whole."""
    return max(int(width * scale + 1e-6), 1), max(int(height * scale + 1e-6), 1)
