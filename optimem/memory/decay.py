"""When a page fades and how far: pure functions of age. Knows no store, model or clock."""

import math
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, Field, model_validator

from optimem.errors import InputError
from optimem.tiers import Tier

DAY = 86_400.0
RETRY = 30 * DAY
"""How long a page that its floor keeps sharp is left alone before fading is tried again."""


class DecayPolicy(BaseModel):
    """How a memory fades. Ages are seconds since a page was written or last recalled.

    `large`, `base`, `small`, `tiny`: the age at which a page leaves that tier for the next
    one. `forget_after`: the age at which even a trace is removed; None keeps it. `floor`:
    the least expected share of characters right; no page fades below it. `write_error`: how
    many cells a new page may read wrong for each of its characters; a page that does worse
    goes one tier up, and beyond Large is kept as text. `uncertain`: characters less probable than
    this are marked instead of shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    large: float = Field(default=1 * DAY, ge=0)
    base: float = Field(default=7 * DAY, ge=0)
    small: float = Field(default=30 * DAY, ge=0)
    tiny: float = Field(default=180 * DAY, ge=0)
    forget_after: float | None = Field(default=None, gt=0)
    floor: float = Field(default=0.9, ge=0, le=1)
    write_error: float = Field(default=0.002, ge=0, le=1)
    uncertain: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _ages_grow(self) -> "DecayPolicy":
        ages = [self.large, self.base, self.small, self.tiny]
        if self.forget_after is not None:
            ages.append(self.forget_after)
        if any(math.isnan(age) for age in ages) or any(a > b for a, b in pairwise(ages)):
            raise InputError(f"ages must grow from large to forget_after, these do not: {ages}")
        return self

    def _limits(self) -> list[tuple[Tier, float]]:
        ages = (self.large, self.base, self.small, self.tiny)
        tiers = (Tier.LARGE, Tier.BASE, Tier.SMALL, Tier.TINY)
        return list(zip(tiers, ages, strict=True))

    def tier_at(self, age: float) -> Tier | None:
        """The tier of a page of this age; None when it is to be forgotten. A clock that went
        backwards gives a negative age, which counts as none."""
        if self.forget_after is not None and age >= self.forget_after:
            return None
        for tier, limit in self._limits():
            if age < limit:
                return tier
        return Tier.TRACE

    def due(self, tier: Tier | None, accessed: float) -> float | None:
        """When a page at `tier` (None: kept as text), last used at `accessed`, is to be
        looked at again; None for never. A page that was written larger than its age asks for,
        as it would not read back otherwise, stays so until it would have faded."""
        first = self.tier_at(0.0)
        for known, limit in self._limits():
            if tier is not None and first is not None and known == min(tier, first):
                return accessed + limit
        return None if self.forget_after is None else accessed + self.forget_after
