"""The sizes of DeepSeek-OCR, as frozen tables; every other size is a test's."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class EncoderConfig:
    """SAM-B, the 16× compressor and CLIP-L. `patch_grid`, `grid`: sides of the maps that the
    absolute positions of SAM and of CLIP were learned for. `global_blocks`: blocks of SAM that
    attend over the whole map instead of windows."""

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
    """The causal decoder. Its first `dense_layers` blocks have one MLP, the others experts, of
    which each position uses `top_k`. `norm_topk`: their weights add up to 1."""

    width: int = 1280
    depth: int = 12
    heads: int = 10
    dense_layers: int = 1
    dense_hidden: int = 6848
    experts: int = 64
    top_k: int = 6
    expert_hidden: int = 896
    shared_hidden: int = 1792
    rope_theta: float = 10_000.0
    norm_topk: bool = False


@dataclass(frozen=True)
class DeepSeekConfig:
    """Encoder, decoder, and the vocabulary between."""

    vision: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    vocabulary: int = 129_280


DEEPSEEK_OCR = DeepSeekConfig()
"""The released model."""
