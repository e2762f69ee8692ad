"""The sizes of `optimem-nano`, and the numbers that its forward pass takes in torch and in numpy.

Importing this file loads neither.
"""

from dataclasses import dataclass

from optimem.tiers import Tier

TIERS = tuple(Tier)
LEAST_SPREAD = 0.11  # a value that spreads less always rounds to its mean
TAIL_THRESHOLD = 0.02  # probability of "some rare symbol" from which the rare ones are compared


@dataclass(frozen=True)
class NanoConfig:
    """The sizes of the network; the defaults are those of the shipped weights.

    `stored_dims`: K of each tier.
    `symbols`: of the renderer's alphabet, of which the first `common` share one softmax.
    `cell_features`: channels from which one cell is read, by tier.
    """

    # patches
    patch: int = 16  # pixels
    window: int = 8  # patches
    patch_width: int = 192
    patch_depth: int = 4
    patch_heads: int = 6
    patch_hidden: int = 768
    # compressor: one token of 16 patches
    half_width: int = 768
    # tokens
    grid: int = 20  # tokens a side for which positions are learned: those of Large
    global_width: int = 512
    global_depth: int = 4
    global_heads: int = 8
    global_hidden: int = 1536
    token_dim: int = 512
    stored_dims: tuple[tuple[Tier, int], ...] = (
        (Tier.LARGE, 440),
        (Tier.BASE, 460),
        (Tier.SMALL, 460),
        (Tier.TINY, 460),
        (Tier.TRACE, 460),
    )
    # decoder: dense blocks, then one with experts
    decoder_width: int = 512
    decoder_depth: int = 2
    decoder_heads: int = 8
    dense_hidden: int = 1408
    experts: int = 6
    top_k: int = 2
    expert_hidden: int = 352
    shared_hidden: int = 704
    # readout
    symbols: int = 2216
    common: int = 102
    cell_features: tuple[tuple[Tier, int], ...] = (
        (Tier.LARGE, 32),
        (Tier.BASE, 48),
        (Tier.SMALL, 64),
        (Tier.TINY, 48),
        (Tier.TRACE, 20),
    )
