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
class DeepSeekVisionConfig:
    """DeepSeek-OCR's encoder. `patch_grid`, `grid`: sides of the maps that the absolute
    positions of its two stages were learned for."""

    patch: int = 16
    patch_grid: int = 64
    window: int = 14
    global_blocks: tuple[int, ...] = (2, 5, 8, 11)
    width: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 3072
    neck: int = 256
    half_width: int = 512
    grid: int = 16
    global_width: int = 1024
    global_depth: int = 24
    global_heads: int = 16
    global_hidden: int = 4096
    token_dim: int = 1280


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


@dataclass(frozen=True)
class DeepSeekConfig:
    """DeepSeek-OCR: its encoder, its causal decoder, and the vocabulary between."""

    vision: DeepSeekVisionConfig = field(default_factory=DeepSeekVisionConfig)
    decoder: DecoderConfig = field(
        default_factory=lambda: DecoderConfig(
            width=1280,
            depth=12,
            heads=10,
            causal=True,
            dense_layers=1,
            dense_hidden=6848,
            experts=64,
            active=6,
            expert_hidden=896,
            shared_hidden=1792,
        )
    )
    vocabulary: int = 129_280


NANO = ReaderConfig()
DEEPSEEK_OCR = DeepSeekConfig()
