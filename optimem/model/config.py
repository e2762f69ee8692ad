"""Sizes of the models, as frozen tables. The only place for magic numbers of architecture."""

from dataclasses import dataclass, field

from optimem.tiers import Tier


@dataclass(frozen=True)
class EncoderConfig:
    """DeepEncoder: a windowed stage over patches, a 16× compressor, a global stage."""

    patch: int = 16
    channels: int = 1
    window: int = 8
    width: int = 192
    depth: int = 4
    heads: int = 6
    hidden: int = 768
    half_width: int = 768
    global_width: int = 512
    global_depth: int = 4
    global_heads: int = 8
    global_hidden: int = 1536
    grid: int = 20
    token_dim: int = 512


@dataclass(frozen=True)
class DecoderConfig:
    """The decoder's blocks; the first `dense_layers` have one MLP, the rest experts."""

    width: int = 512
    depth: int = 2
    heads: int = 8
    causal: bool = False
    dense_layers: int = 1
    dense_hidden: int = 1408
    experts: int = 6
    active: int = 2
    expert_hidden: int = 352
    shared_hidden: int = 704
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-6


@dataclass(frozen=True)
class ReaderConfig:
    """`optimem-nano`: encoder, decoder, and how many features a cell is read from."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    common: int = 105
    symbols: int = 1870
    cell_features: tuple[tuple[Tier, int], ...] = (
        (Tier.LARGE, 32),
        (Tier.BASE, 48),
        (Tier.SMALL, 64),
        (Tier.TINY, 48),
        (Tier.TRACE, 20),
    )


NANO = ReaderConfig()
