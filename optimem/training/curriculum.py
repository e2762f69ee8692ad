"""What is trained when: one tier until it is read, then all; costly tokens first, then cheap.

Everything is counted in steps, not hours, so that a run can be repeated on any machine.
"""

from dataclasses import dataclass

from optimem.tiers import Tier

WARM_UP = 40
LEAST_LR = 0.02  # of the learning rate, at the end
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
"""Pages of each tier in a step, and every how many steps it takes part."""

RATES: dict[Tier, tuple[float, float]] = {
    Tier.LARGE: (60.0, 32.0),
    Tier.BASE: (40.0, 28.0),
    Tier.SMALL: (24.0, 11.0),
    Tier.TINY: (16.0, 9.6),
    Tier.TRACE: (10.0, 6.0),
}
"""Bits a cell that cost nothing: when the rate is first priced, and at the end."""

RATE_WEIGHT = 0.2


@dataclass(frozen=True)
class TierShare:
    """One tier's share of a step. `auxiliary`: weight of the auxiliary heads' loss.
    `rate_target`: bits a cell that cost nothing."""

    tier: Tier
    pages: int
    auxiliary: float
    rate_weight: float
    rate_target: float


@dataclass(frozen=True)
class Curriculum:
    """`steps` in all; the learning rate falls over the last `cooldown` share of them. `batch`
    multiplies the pages of a step. `first`: the first step of the run, above 0 if it starts
    from weights."""

    steps: int
    cooldown: float = 0.25
    batch: float = 1.0
    first: int = 0

    def shares(self, step: int) -> list[TierShare]:
        """The tiers of a step, whose gradients are added up."""
        if step < FIRST_TIER_UNTIL:
            return [self._share(step, Tier.SMALL, FIRST_TIER_PAGES)]
        return [
            self._share(step, tier, pages)
            for order, (tier, (pages, every)) in enumerate(PAGES.items())
            if (step + order) % every == 0
        ]

    def _share(self, step: int, tier: Tier, pages: int) -> TierShare:
        progress = min(max((step - RATE_FROM) / (RATE_UNTIL - RATE_FROM), 0.0), 1.0)
        first, last = RATES[tier]
        return TierShare(
            tier=tier,
            pages=max(int(pages * self.batch), 1),
            auxiliary=1.0 if step < AUXILIARY_UNTIL else 0.0,
            rate_weight=RATE_WEIGHT if step >= RATE_FROM else 0.0,
            rate_target=first * (last / first) ** progress,
        )

    def lr_scale(self, step: int) -> float:
        """Share of the learning rate: a warm-up, a long constant part, a straight line down."""
        left = (self.steps - step) / max(self.steps * self.cooldown, 1)
        falling = LEAST_LR + (1 - LEAST_LR) * min(max(left, 0.0), 1.0)
        return min((step + 1 - self.first) / WARM_UP, falling)
