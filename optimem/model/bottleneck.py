"""The bottleneck: vision tokens as whole numbers, and what they cost in bits.

Each tier scales each dimension so that a step of 1 is as coarse as reading allows. Training
adds uniform noise where storing rounds, and prices every value by a Gaussian per dimension
(Ballé et al., arXiv 1611.01704); so the numbers of bits follow from what the text needs.
"""

import torch
from torch import Tensor, nn

from optimem.tiers import Tier

TIERS = tuple(Tier)
FIRST_GAIN = 16.0
LEAST_SPREAD = 0.11  # below it a value is always its mean


class Bottleneck(nn.Module):
    """Per tier and dimension: the gain, and the mean and spread of the scaled values."""

    def __init__(self, *, dim: int) -> None:
        super().__init__()
        self.log_gain = nn.Parameter(torch.full((len(TIERS), dim), FIRST_GAIN).log())
        self.mean = nn.Parameter(torch.zeros(len(TIERS), dim))
        self.log_spread = nn.Parameter(torch.full((len(TIERS), dim), FIRST_GAIN).log())

    def scale(self, tokens: Tensor, tier: Tier) -> Tensor:
        """Tokens (B, N, C) in steps of the tier, fp32, not yet rounded."""
        return tokens.float() * self.log_gain[TIERS.index(tier)].exp()

    def restore(self, steps: Tensor, tier: Tier) -> Tensor:
        """The inverse of `scale`."""
        return steps * (-self.log_gain[TIERS.index(tier)]).exp()

    def prior(self, tier: Tier) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (C,) of the scaled values."""
        index = TIERS.index(tier)
        return self.mean[index], self.log_spread[index].exp().clamp_min(LEAST_SPREAD)

    def bits(self, steps: Tensor, tier: Tier) -> Tensor:
        """Bits (B, N, C) that each scaled value costs under the tier's prior."""
        mean, spread = self.prior(tier)
        above = torch.special.ndtr((steps + 0.5 - mean) / spread)
        below = torch.special.ndtr((steps - 0.5 - mean) / spread)
        return -(above - below).clamp_min(1e-7).log2()

    def forward(self, tokens: Tensor, tier: Tier) -> tuple[Tensor, Tensor]:
        """Noisy tokens as the decoder sees them in training, and the bits (B,) of a page."""
        steps = self.scale(tokens, tier)
        steps = steps + torch.rand_like(steps) - 0.5
        return self.restore(steps, tier), self.bits(steps, tier).sum((1, 2))
