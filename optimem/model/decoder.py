"""The decoder: transformer blocks whose MLPs are mixtures of experts.

The structure of DeepSeek-OCR's decoder (Llama attention with rotary positions, shared and
routed experts, fp32 router). `optimem-nano` runs it over the vision tokens alone, every
position seeing every other; the released model runs it causally, with a cache.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from optimem.model.attention import attend
from optimem.model.config import DecoderConfig

Rotation = tuple[Tensor, Tensor]
FEW_ROWS = 32
"""Positions up to which `FewRowsLinear` is the faster, of 1 to 64 that were timed."""


def rotary(positions: Tensor, head_dim: int, theta: float) -> Rotation:
    """Cosines and sines (B, 1, N, head_dim) of rotate-half rotary embedding at positions
    (B, N). The frequencies are rounded as transformers rounds them: a last bit of theirs is
    1e-5 of an angle after a few hundred positions."""
    exponents = torch.arange(0, head_dim, 2, device=positions.device).float() / head_dim
    angles = positions.float()[:, None, :, None] * (1.0 / theta**exponents)
    angles = torch.cat((angles, angles), -1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Turn (B, heads, N, head_dim) by its positions."""
    cos, sin = rotation
    first, second = x.chunk(2, -1)
    return (x * cos + torch.cat((-second, first), -1) * sin).to(x.dtype)


class LayerCache:
    """Keys and values of one layer that later positions look back at, up to `capacity`
    positions of `batch` sequences."""

    def __init__(self, config: DecoderConfig, batch: int, capacity: int, like: Tensor) -> None:
        shape = (batch, config.heads, capacity, config.width // config.heads)
        self.keys, self.values = like.new_empty(shape), like.new_empty(shape)
        self.length = 0

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add (B, heads, N, head_dim); all keys and values so far."""
        start, self.length = self.length, self.length + k.shape[2]
        self.keys[:, :, start : self.length] = k
        self.values[:, :, start : self.length] = v
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]

    def keep(self, rows: Tensor) -> None:
        """Only these sequences go on."""
        self.keys, self.values = self.keys[rows], self.values[rows]


def causal_mask(new: int, past: int, padding: Tensor | None, like: Tensor) -> Tensor | None:
    """What `new` positions after `past` others may see, as an additive mask (B or 1, 1, new,
    past + new); None if everything. `padding` (B,): positions at the start of each sequence
    that nobody sees."""
    if new == 1 and padding is None:
        return None
    at = torch.arange(past + new, device=like.device)
    hidden = (at[None, :] > at[past:, None])[None, None]  # (1, 1, new, past + new)
    if padding is not None:
        unseen = (at[None, :] < padding[:, None])[:, None, None]
        hidden = (hidden | unseen) & (at[None, :] != at[past:, None])  # all see themselves
    return torch.zeros(hidden.shape, dtype=like.dtype, device=like.device).masked_fill(
        hidden, float("-inf")
    )


class FewRowsLinear(nn.Linear):
    """A linear layer without bias for the few positions of one decoding step. On a CPU the
    time is what reading the weights takes, if the product is put so that the library's loops
    run over them: for 8 rows 1.4 times as fast as `nn.Linear` in fp32 and bf16 (MKL, oneDNN).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (…, inputs)
        rows = x.numel() // self.in_features
        at_bound = x.dtype is torch.float32 and rows < 4  # nn.Linear's own loops do that
        if x.device.type != "cpu" or torch.is_grad_enabled() or at_bound or rows > FEW_ROWS:
            return super().forward(x)
        flat = x.reshape(rows, self.in_features)
        y = self.weight.mv(flat[0]) if rows == 1 else (self.weight @ flat.T).T.contiguous()
        return y.reshape(*x.shape[:-1], self.out_features)


def linear_of(config: DecoderConfig) -> Callable[[int, int], nn.Linear]:
    """Linear layers for a decoder that goes step by step, or for one that reads all at once."""
    return FewRowsLinear if config.causal else partial(nn.Linear, bias=False)


class DecoderAttention(nn.Module):
    """Multi-head attention with rotary positions and no biases."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.heads = config.heads
        linear = linear_of(config)
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            linear(config.width, config.width) for _ in range(4)
        )

    def forward(
        self, x: Tensor, rotation: Rotation, mask: Tensor | None, cache: LayerCache | None
    ) -> Tensor:  # (B, N, C)
        B, N, C = x.shape
        q, k, v = (
            layer(x).view(B, N, self.heads, C // self.heads).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )  # (B, heads, N, head_dim)
        q, k = rotate(q, rotation), rotate(k, rotation)
        if cache is not None:
            k, v = cache.extend(k, v)
        y = attend(q, k, v, mask)
        return self.o_proj(y.transpose(1, 2).reshape(B, N, C))


class GatedMLP(nn.Module):
    """SiLU-gated MLP: a dense layer's, or one expert."""

    def __init__(self, config: DecoderConfig, *, hidden: int) -> None:
        super().__init__()
        linear = linear_of(config)
        self.gate_proj = linear(config.width, hidden)
        self.up_proj = linear(config.width, hidden)
        self.down_proj = linear(hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class MixtureOfExperts(nn.Module):
    """Routed experts, of which each position uses its best few, and a shared one.

    The router is fp32: softmax over all experts, the top weights kept as they are
    (norm_topk_prob false). In training, `balance` holds the Switch loss (arXiv 2101.03961,
    equation 4) of the last forward: 1 when all experts are used alike.
    """

    balance: Tensor | None = None

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.active = config.active
        self.gate = nn.Linear(config.width, config.experts, bias=False)
        self.experts = nn.ModuleList(
            GatedMLP(config, hidden=config.expert_hidden) for _ in range(config.experts)
        )
        self.shared_experts = GatedMLP(config, hidden=config.shared_hidden)

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Weights and indices (N, active) of the experts for each of N positions."""
        with torch.autocast(x.device.type, enabled=False):
            scores = F.linear(x.float(), self.gate.weight.float()).softmax(-1)
        weights, chosen = scores.topk(self.active, -1)
        if self.training:
            used = F.one_hot(chosen, scores.shape[-1]).float().mean((0, 1))
            self.balance = scores.shape[-1] * (used * scores.mean(0)).sum()
        return weights, chosen

    def forward(self, x: Tensor) -> Tensor:  # (B, N, C)
        flat = x.flatten(0, 1)
        weights, chosen = self.route(flat)
        order = chosen.flatten().argsort(stable=True)  # by expert
        rows = order // self.active
        counts = chosen.flatten().bincount(minlength=len(self.experts)).tolist()
        parts = zip(self.experts, flat[rows].split(counts), strict=True)
        out = torch.cat([expert(part) for expert, part in parts if len(part)]).float()
        routed = torch.zeros(flat.shape, dtype=torch.float32, device=x.device)
        routed = routed.index_add(0, rows, out * weights.flatten()[order, None])
        return routed.to(x.dtype).view_as(x) + self.shared_experts(x)


class DecoderBlock(nn.Module):
    """Attention, then one MLP or experts, each behind an RMSNorm."""

    def __init__(self, config: DecoderConfig, mlp: nn.Module) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.width, eps=config.norm_eps)
        self.self_attn = DecoderAttention(config)
        self.post_attention_layernorm = nn.RMSNorm(config.width, eps=config.norm_eps)
        self.mlp = mlp

    def forward(
        self, x: Tensor, rotation: Rotation, mask: Tensor | None, cache: LayerCache | None
    ) -> Tensor:  # (B, N, C)
        x = x + self.self_attn(self.input_layernorm(x), rotation, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """The stack of blocks: (B, N, C) to (B, N, C), normalised at the end."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(
            DecoderBlock(
                config,
                GatedMLP(config, hidden=config.dense_hidden)
                if index < config.dense_layers
                else MixtureOfExperts(config),
            )
            for index in range(config.depth)
        )
        self.norm = nn.RMSNorm(config.width, eps=config.norm_eps)

    def forward(
        self,
        x: Tensor,
        caches: Sequence[LayerCache] | None = None,
        padding: Tensor | None = None,
    ) -> Tensor:
        """`caches`: of each layer, for causal decoders: x goes on where they end, and they
        grow by it. `padding` (B,): how many positions at the start of each sequence are none.
        """
        config, N = self.config, x.shape[1]
        past = caches[0].length if caches else 0
        positions = torch.arange(past, past + N, device=x.device)[None]
        if padding is not None:
            positions = (positions - padding[:, None]).clamp_min(0)
        rotation = rotary(positions, config.width // config.heads, config.rope_theta)
        mask = causal_mask(N, past, padding, x) if config.causal else None
        for index, layer in enumerate(self.layers):
            x = layer(x, rotation, mask, caches[index] if caches else None)
        return self.norm(x)
