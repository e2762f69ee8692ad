"""When a page fades and how far: pure functions of age. Knows nothing of stores, models or
clocks."""

from itertools import pairwise
from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from optimem.errors import InputError
from optimem.memory.records.records import Chunk, PageRecord
from optimem.memory.settings import parse_age, parse_settings
from optimem.text.keeping import Keep
from optimem.tiers import Tier
from optimem.turns import Value

DAY = 86_400.0


class DecayPolicy(Value):
    """How a memory fades. Ages are in seconds since a page was written or last recalled.

    `large`, `base`, `small`, `tiny`: the age at which a page leaves that tier for the next
    smaller one; default 1, 7, 30 and 180 days. `forget_after`: the age at which a page is deleted;
    default None, never. `floor`: the least share of characters expected to read right, with
    corrections and by the tokens alone, 0.9; a page does not fade below it. `write_error`: the most
    cells that the tokens of a new page may misread, per character, before corrections, 0.02; a page
    that does worse goes one tier up, and above Large it is kept as text. `uncertain`: characters
    less probable than this, 0.5, read as U+FFFD.

    What each tier keeps, by corrections stored beside the tokens: down to the tier `exact_to`,
    Small, every character; down to `values_to`, Tiny, ids, numbers, names and code; below it, what
    can still be read. None keeps nothing of the kind on any tier. Raises InputError for ages that
    do not grow, an unknown tier, and a `values_to` above `exact_to`.
    """

    kind: ClassVar[str] = "decay policy"

    large: float = Field(default=1 * DAY, ge=0)
    base: float = Field(default=7 * DAY, ge=0)
    small: float = Field(default=30 * DAY, ge=0)
    tiny: float = Field(default=180 * DAY, ge=0)
    forget_after: float | None = Field(default=None, gt=0)
    floor: float = Field(default=0.9, ge=0, le=1)
    write_error: float = Field(default=0.02, ge=0, le=1)
    uncertain: float = Field(default=0.5, ge=0, le=1)
    exact_to: Tier | None = Tier.SMALL
    values_to: Tier | None = Tier.TINY

    @field_validator("exact_to", "values_to", mode="before")
    @classmethod
    def _tier_by_name(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        return None if given.strip().lower() == "none" else Tier.parse(given)

    @model_validator(mode="after")
    def _ages_grow(self) -> "DecayPolicy":
        ages = [self.large, self.base, self.small, self.tiny]
        if self.forget_after is not None:
            ages.append(self.forget_after)
        if any(a > b for a, b in pairwise(ages)):
            raise InputError(f"ages must grow from large to forget_after; these do not: {ages}")
        if self.exact_to and self.values_to and self.values_to > self.exact_to:
            raise InputError(
                f"values_to={self.values_to.label} is above exact_to={self.exact_to.label}, which "
                "keeps values too; give the same tier or a smaller one"
            )
        return self

    @classmethod
    def parse(cls, text: str, **defaults: float) -> "DecayPolicy":
        """A policy from a line such as `large=2d,tiny=1y,forget_after=never,floor=0.95`: ages with
        s, m, h, d, w or y, or in seconds. `defaults`: of what the line does not set, in place of
        the usual ones. Raises InputError."""
        ages = ("large", "base", "small", "tiny", "forget_after")
        readers = {name: parse_age if name in ages else str for name in cls.model_fields}
        return cls.model_validate({**defaults, **parse_settings(text, readers, "a decay policy")})

    def keep_at(self, tier: Tier) -> Keep:
        """What a page keeps to the letter on a tier."""
        if self.exact_to is not None and tier >= self.exact_to:
            return Keep.ALL
        if self.values_to is not None and tier >= self.values_to:
            return Keep.VALUES
        return Keep.NOTHING

    def tier_at(self, age: float) -> Tier | None:
        """The tier of a page of this age; None once it is to be forgotten. A negative age, of a
        clock that was set back, counts as 0."""
        if self.forget_after is not None and age >= self.forget_after:
            return None
        for tier, limit in self._limits():
            if age < limit:
                return tier
        return Tier.TRACE

    def due(self, tier: Tier | None, accessed: float) -> float | None:
        """When a page at `tier` (None: kept as text), last used at `accessed`, is due to fade or
        to be forgotten; None for never. A page that was written larger than its age asks for,
        because a smaller one did not read back, stays so until it would have faded."""
        first = self.tier_at(0.0)
        for known, limit in self._limits():
            if tier is not None and first is not None and known == min(tier, first):
                return accessed + limit
        return None if self.forget_after is None else accessed + self.forget_after

    def page_due(self, page: PageRecord) -> float | None:
        """When a page is due; None for never."""
        return None if page.pinned else self.due(page.tier, page.accessed)

    def chunk_due(self, chunk: Chunk) -> float | None:
        """When a chunk is due to be forgotten; None for never."""
        return None if chunk.pinned else self.due(None, chunk.appended)

    def _limits(self) -> list[tuple[Tier, float]]:
        ages = (self.large, self.base, self.small, self.tiny)
        tiers = (Tier.LARGE, Tier.BASE, Tier.SMALL, Tier.TINY)
        return list(zip(tiers, ages, strict=True))
