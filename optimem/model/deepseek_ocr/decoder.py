"""DeepSeek-OCR's decoder: the shared blocks, run causally and with a cache."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from optimem.model import NORM_EPS
from optimem.model.decoder import (
    DecoderBlock,
    GatedMLP,
    LayerCache,
    MixtureOfExperts,
    rotary,
)
from optimem.model.deepseek_ocr.config import DecoderConfig
from optimem.model.hardware import FewRowsLinear


def causal_mask(new: int, past: int, padding: Tensor | None, like: Tensor) -> Tensor | None:
    """An additive mask (B or 1, 1, new, past + new) for `new` positions after `past` others;
    None if they see everything. `padding` (B,): positions at the start of each sequence to
    hide."""
    if new == 1 and padding is None:
        return None
    index = torch.arange(past + new, device=like.device)
    hidden = (index[None, :] > index[past:, None])[None, None]  # (1, 1, new, past + new)
    if padding is not None:
        padded = (index[None, :] < padding[:, None])[:, None, None]
        hidden = (hidden | padded) & (index[None, :] != index[past:, None])  # each sees itself
    mask = torch.zeros(hidden.shape, dtype=like.dtype, device=like.device)
    return mask.masked_fill(hidden, float("-inf"))


class TransformerDecoder(nn.Module):
    """Embedded positions (B, N, C) to features (B, N, C), normalised."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.head_dim = config.width // config.heads
        self.rope_theta = config.rope_theta
        self.layers = nn.ModuleList(_block(config, index) for index in range(config.depth))
        self.norm = nn.RMSNorm(config.width, eps=NORM_EPS)

    def caches(self, batch: int, capacity: int, like: Tensor) -> list[LayerCache]:
        """Empty caches, one a layer, for `batch` sequences of up to `capacity` positions."""
        return [
            LayerCache(
                batch=batch,
                heads=self.heads,
                capacity=capacity,
                head_dim=self.head_dim,
                like=like,
            )
            for _ in self.layers
        ]

    def forward(
        self,
        x: Tensor,
        caches: Sequence[LayerCache] | None = None,
        padding: Tensor | None = None,
    ) -> Tensor:
        """`caches`: x continues what they hold and is appended to them. `padding` (B,):
        positions at the start of each sequence that hold nothing."""
        N = x.shape[1]
        past = caches[0].length if caches else 0
        positions = torch.arange(past, past + N, device=x.device)[None]  # (1, N)
        if padding is not None:
            positions = (positions - padding[:, None]).clamp_min(0)  # (B, N)
        rotation = rotary(positions, self.head_dim, self.rope_theta)
        mask = causal_mask(N, past, padding, x)
        for index, layer in enumerate(self.layers):
            x = layer(x, rotation, mask, caches[index] if caches else None)
        return self.norm(x)


def _block(config: DecoderConfig, index: int) -> DecoderBlock:
    """A dense block or one with experts; their linear layers are made for decoding steps."""
    width = config.width
    mlp: nn.Module
    if index < config.dense_layers:
        mlp = GatedMLP(width=width, hidden=config.dense_hidden, linear=FewRowsLinear)
    else:
        mlp = MixtureOfExperts(
            width=width,
            experts=config.experts,
            top_k=config.top_k,
            expert_hidden=config.expert_hidden,
            shared_hidden=config.shared_hidden,
            linear=FewRowsLinear,
            norm_topk=config.norm_topk,
        )
    return DecoderBlock(width=width, heads=config.heads, mlp=mlp, linear=FewRowsLinear)
