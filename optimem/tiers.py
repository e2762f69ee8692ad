"""The five tiers: how large a page is drawn and how many vision tokens it takes.

Sizes and counts are those of DeepSeek-OCR (arXiv 2510.18234, section 3.2), with a fifth tier
below. Knows nothing of how a page is drawn, encoded or stored.
"""

from enum import IntEnum

from optimem.errors import TierError


class Tier(IntEnum):
    """A resolution. The value is the side of the square page in pixels; larger is sharper."""

    TRACE = 384
    TINY = 512
    SMALL = 640
    BASE = 1024
    LARGE = 1280

    @classmethod
    def parse(cls, name: "str | Tier") -> "Tier":
        """The tier called `name`, in any case. Raises TierError for an unknown name."""
        if isinstance(name, Tier):
            return name
        try:
            return cls[name.strip().upper()]
        except KeyError:
            known = ", ".join(tier.label for tier in reversed(cls))
            raise TierError(f"unknown tier {name!r}; choose one of {known}") from None

    @property
    def label(self) -> str:
        """The name in lower case, as the command line spells it."""
        return self.name.lower()

    @property
    def grid(self) -> int:
        """Vision tokens along one side: a 16-px patch, compressed 4 × 4."""
        return self.value // 64

    @property
    def tokens(self) -> int:
        """Vision tokens of a page, as the paper counts them."""
        return self.grid**2

    @property
    def positions(self) -> int:
        """Positions that a causal decoder pays: the tokens, a newline after each row and a
        separator."""
        return self.grid * (self.grid + 1) + 1

    @property
    def below(self) -> "Tier | None":
        """The next smaller tier, or None below Trace."""
        smaller = [tier for tier in Tier if tier < self]
        return max(smaller) if smaller else None

    @property
    def above(self) -> "Tier | None":
        """The next larger tier, or None above Large."""
        larger = [tier for tier in Tier if tier > self]
        return min(larger) if larger else None
