"""What is trained when: one tier until it reads, then all; wide tokens first, then narrow.

Steps, not hours, so that a run can be repeated on any machine.
"""

from dataclasses import dataclass

from optimem.tiers import Tier

WARM_UP = 40
LEAST_LR = 0.02
FIRST_TIER_UNTIL = 350
FIRST_TIER_PAGES = 16
AUXILIARY_UNTIL = 3000
RATE_FROM, RATE_UNTIL = 1000, 3200

PAGES: dict[Tier, tuple[int, int]] = {
    Tier.LARGE: (1, 2),
    Tier.BASE: (2, 1),
    Tier.SMALL: (4, 1),
    Tier.TINY: (5, 1),
    Tier.TRACE: (3, 4),
}
"""Pages of each tier in a step, and in how many steps the tier has its turn once."""

RATES: dict[Tier, tuple[float, float]] = {
    Tier.LARGE: (60.0, 32.0),
    Tier.BASE: (40.0, 28.0),
    Tier.SMALL: (24.0, 11.0),
    Tier.TINY: (16.0, 9.6),
    Tier.TRACE: (10.0, 6.0),
}
"""Bits a cell that are free of charge: when the rate begins to count, and at the end."""

RATE_WEIGHT = 0.2


@dataclass(frozen=True)
class Part:
    """One tier's share of a step. `rate_target`: bits a cell that cost nothing."""

    tier: Tier
    pages: int
    auxiliary: float
    rate_weight: float
    rate_target: float


@dataclass(frozen=True)
class Curriculum:
    """`steps` in all, of which the last `cooldown` share lowers the learning rate; `batch`
    times the usual pages a step; `first`: the step at which the run begins, not 0 where it goes
    on from weights."""

    steps: int
    cooldown: float = 0.25
    batch: float = 1.0
    first: int = 0

    def parts(self, step: int) -> list[Part]:
        """The tiers of a step: gradients of all of them are added up."""
        if step < FIRST_TIER_UNTIL:
            return [self._part(step, Tier.SMALL, FIRST_TIER_PAGES)]
        turns = list(enumerate(PAGES.items()))
        return [
            self._part(step, tier, pages)
            for order, (tier, (pages, every)) in turns
            if (step + order) % every == 0
        ]

    def _part(self, step: int, tier: Tier, pages: int) -> Part:
        narrowing = min(max((step - RATE_FROM) / (RATE_UNTIL - RATE_FROM), 0.0), 1.0)
        first, last = RATES[tier]
        return Part(
            tier=tier,
            pages=max(int(pages * self.batch), 1),
            auxiliary=1.0 if step < AUXILIARY_UNTIL else 0.0,
            rate_weight=RATE_WEIGHT if step >= RATE_FROM else 0.0,
            rate_target=first * (last / first) ** narrowing,
        )

    def lr_scale(self, step: int) -> float:
        """Warm-up, a long constant stretch, then a straight line down."""
        left = (self.steps - step) / max(self.steps * self.cooldown, 1)
        falling = LEAST_LR + (1 - LEAST_LR) * min(max(left, 0.0), 1.0)
        return min((step + 1 - self.first) / WARM_UP, falling)
