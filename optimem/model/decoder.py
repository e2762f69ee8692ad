"""The decoder's blocks: rotary attention, then a gated MLP or a mixture of experts.

The structure of DeepSeek-OCR's decoder: Llama's attention without biases, shared and routed
experts, an fp32 router. Knows no depth: `optimem-nano` runs two blocks over all vision tokens
at once, DeepSeek-OCR twelve, causally and with a cache. The layers' names are the published
checkpoint's.

Dimensions: B sequences, N positions of each, C channels.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from optimem.model import NORM_EPS, ROPE_THETA
from optimem.model.attention import attend

Rotation = tuple[Tensor, Tensor]
"""Cosines and sines, (B, 1, N, head_dim) each."""
NewLinear = Callable[[int, int], nn.Linear]
"""Makes a linear layer without a bias from its numbers of inputs and outputs."""

plain_linear: NewLinear = partial(nn.Linear, bias=False)


def rotary(positions: Tensor, head_dim: int, theta: float = ROPE_THETA) -> Rotation:
    """Rotate-half rotary embedding at positions (B, N).

    The frequencies are rounded as transformers rounds them: a difference in their last bit
    becomes 1e-5 of an angle after a few hundred positions.
    """
    exponents = torch.arange(0, head_dim, 2, device=positions.device).float() / head_dim
    angles = positions.float()[:, None, :, None] * (1.0 / theta**exponents)
    angles = torch.cat((angles, angles), -1)  # (B, 1, N, head_dim)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Turn (B, heads, N, head_dim) by its positions."""
    cos, sin = rotation
    first, second = x.chunk(2, -1)
    return (x * cos + torch.cat((-second, first), -1) * sin).to(x.dtype)


class LayerCache:
    """Keys and values of one layer for later positions to attend to: room for `capacity`
    positions of `batch` sequences, in the device and dtype of `like`. It grows when it is full."""

    def __init__(
        self, *, batch: int, heads: int, capacity: int, head_dim: int, like: Tensor
    ) -> None:
        shape = (batch, heads, capacity, head_dim)
        self.keys, self.values = like.new_empty(shape), like.new_empty(shape)
        self.length = 0

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append (B, heads, N, head_dim); returns all keys and values so far."""
        start, self.length = self.length, self.length + k.shape[2]
        if self.length > self.keys.shape[2]:
            self._grow(start)
        self.keys[:, :, start : self.length] = k
        self.values[:, :, start : self.length] = v
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]

    def _grow(self, filled: int) -> None:
        """Make room for half as much again, or for `length` if that is more."""
        capacity = max(self.length, self.keys.shape[2] * 3 // 2)
        for name in ("keys", "values"):
            old: Tensor = getattr(self, name)
            new = old.new_empty(*old.shape[:2], capacity, old.shape[3])
            new[:, :, :filled] = old[:, :, :filled]
            setattr(self, name, new)

    def keep(self, rows: Tensor) -> None:
        """Drop all sequences but these."""
        self.keys, self.values = self.keys[rows], self.values[rows]


class DecoderAttention(nn.Module):
    """Multi-head attention with rotary positions and no biases."""

    def __init__(self, *, width: int, heads: int, linear: NewLinear = plain_linear) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            linear(width, width) for _ in range(4)
        )

    def forward(
        self,
        x: Tensor,
        rotation: Rotation,
        mask: Tensor | None = None,
        cache: LayerCache | None = None,
    ) -> Tensor:  # (B, N, C)
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )  # (B, heads, N, head_dim)
        q, k = rotate(q, rotation), rotate(k, rotation)
        if cache is not None:
            k, v = cache.extend(k, v)
        y = attend(q, k, v, mask)
        return self.o_proj(y.transpose(1, 2).flatten(2))  # (B, N, C)


class GatedMLP(nn.Module):
    """A SiLU-gated MLP: that of a dense block, or one expert."""

    def __init__(self, *, width: int, hidden: int, linear: NewLinear = plain_linear) -> None:
        super().__init__()
        self.gate_proj = linear(width, hidden)
        self.up_proj = linear(width, hidden)
        self.down_proj = linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:  # (…, C)
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class MixtureOfExperts(nn.Module):
    """Routed experts, of which each position uses the `top_k` likeliest, and a shared one.

    The router is fp32: a softmax over all experts, whose largest weights are used as they are, or
    with `norm_topk` divided by their sum. In training, `balance` holds the Switch loss
    (arXiv 2101.03961, equation 4) of the last forward pass: 1 if all experts are used equally.
    """

    balance: Tensor | None = None

    def __init__(
        self,
        *,
        width: int,
        experts: int,
        top_k: int,
        expert_hidden: int,
        shared_hidden: int,
        linear: NewLinear = plain_linear,
        norm_topk: bool = False,
    ) -> None:
        super().__init__()
        self.top_k, self.norm_topk = top_k, norm_topk
        self.gate = nn.Linear(width, experts, bias=False)
        self.experts = nn.ModuleList(
            GatedMLP(width=width, hidden=expert_hidden, linear=linear) for _ in range(experts)
        )
        self.shared_experts = GatedMLP(width=width, hidden=shared_hidden, linear=linear)

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Weights and indices (N, top_k) of the experts for each of N positions."""
        with torch.autocast(x.device.type, enabled=False):
            scores = F.linear(x.float(), self.gate.weight.float()).softmax(-1)  # (N, experts)
        weights, chosen = scores.topk(self.top_k, -1)
        if self.training:
            used = F.one_hot(chosen, scores.shape[-1]).float().mean((0, 1))
            self.balance = scores.shape[-1] * (used * scores.mean(0)).sum()
        if self.norm_topk:
            weights = weights / weights.sum(-1, keepdim=True)
        return weights, chosen

    def forward(self, x: Tensor) -> Tensor:  # (B, N, C)
        flat = x.flatten(0, 1)  # (B · N, C)
        weights, chosen = self.route(flat)
        order = chosen.flatten().argsort(stable=True)  # by expert
        rows = order // self.top_k
        counts = chosen.flatten().bincount(minlength=len(self.experts)).tolist()
        parts = zip(self.experts, flat[rows].split(counts), strict=True)
        out = torch.cat([expert(part) for expert, part in parts if len(part)]).float()
        routed = torch.zeros(flat.shape, dtype=torch.float32, device=x.device)
        routed = routed.index_add(0, rows, out * weights.flatten()[order, None])
        return routed.to(x.dtype).view_as(x) + self.shared_experts(x)  # (B, N, C)


class DecoderBlock(nn.Module):
    """Attention, then `mlp` (a `GatedMLP` or a `MixtureOfExperts`), each behind an RMSNorm."""

    def __init__(
        self, *, width: int, heads: int, mlp: nn.Module, linear: NewLinear = plain_linear
    ) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(width, eps=NORM_EPS)
        self.self_attn = DecoderAttention(width=width, heads=heads, linear=linear)
        self.post_attention_layernorm = nn.RMSNorm(width, eps=NORM_EPS)
        self.mlp = mlp

    def forward(
        self,
        x: Tensor,
        rotation: Rotation,
        mask: Tensor | None = None,
        cache: LayerCache | None = None,
    ) -> Tensor:  # (B, N, C)
        """`mask`: additive, (B or 1, 1, N, positions attended to)."""
        x = x + self.self_attn(self.input_layernorm(x), rotation, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))
