"""What is trained when: one tier until it is read, then all; costly tokens first, then cheap.

Everything is counted in steps, not hours, so that a run can be repeated on any machine.
"""

from dataclasses import dataclass, replace

from optimem.tiers import Tier

WARM_UP = 40
LEAST_LR = 0.02  # of the learning rate, at the end
FIRST_TIER_UNTIL = 350
FIRST_TIER_PAGES = 16
AUXILIARY_UNTIL = 3000
PRICED_FROM = 1000

PAGES: dict[Tier, tuple[int, int]] = {
    Tier.LARGE: (2, 1),
    Tier.BASE: (3, 1),
    Tier.SMALL: (6, 1),
    Tier.TINY: (8, 1),
    Tier.TRACE: (6, 2),
}
"""Pages of each tier in a step, and every how many steps it takes part."""

PRICES: dict[Tier, tuple[float, float]] = {
    Tier.LARGE: (0.03, 0.001),
    Tier.BASE: (0.03, 0.0025),
    Tier.SMALL: (0.05, 0.012),
    Tier.TINY: (0.12, 0.035),
    Tier.TRACE: (0.2, 0.05),
}
"""Price of a bit when bits are first priced, and at the end: high at first, so that a tier learns
to do with few; then as low as reliable reading requires."""

PAGES_AT_ONCE: dict[Tier, int] = {
    Tier.LARGE: 1,
    Tier.BASE: 1,
    Tier.SMALL: 2,
    Tier.TINY: 4,
    Tier.TRACE: 4,
}
"""Pages that go through the model together where several processes share a step."""


@dataclass(frozen=True)
class TierShare:
    """One tier's share of a step, or a part of it. `weight`: of the loss. `auxiliary`: weight of
    the auxiliary heads' loss. `price`: of a bit of vision tokens, see `Objective`."""

    tier: Tier
    pages: int
    weight: float
    auxiliary: float
    price: float


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

    def pages(self, step: int) -> list[int]:
        """The pages of each share of a step."""
        return [share.pages for share in self.shares(step)]

    def tasks(self, step: int) -> list[TierShare]:
        """The same shares in parts, the largest images first, for processes to divide."""
        tasks = []
        for share in sorted(self.shares(step), key=lambda share: -share.tier.value):
            at_once = PAGES_AT_ONCE[share.tier]
            for start in range(0, share.pages, at_once):
                pages = min(share.pages - start, at_once)
                tasks.append(replace(share, pages=pages, weight=pages / share.pages))
        return tasks

    def _share(self, step: int, tier: Tier, pages: int) -> TierShare:
        return TierShare(
            tier=tier,
            pages=max(int(pages * self.batch), 1),
            weight=1.0,
            auxiliary=1.0 if step < AUXILIARY_UNTIL else 0.0,
            price=self._price(step, tier),
        )

    def _price(self, step: int, tier: Tier) -> float:
        if step < PRICED_FROM:
            return 0.0
        start = max(PRICED_FROM, self.first)
        progress = min((step - start) / max(self.steps - start, 1), 1.0)
        first, last = PRICES[tier]
        return first * (last / first) ** progress

    def lr_scale(self, step: int) -> float:
        """Share of the learning rate: a warm-up, a long constant part, a straight line down."""
        left = (self.steps - step) / max(self.steps * self.cooldown, 1)
        falling = LEAST_LR + (1 - LEAST_LR) * min(max(left, 0.0), 1.0)
        return min((step + 1 - self.first) / WARM_UP, falling)
