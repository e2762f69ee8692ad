"""The decoder: transformer blocks whose MLPs are mixtures of experts.

The structure of DeepSeek-OCR's decoder (Llama attention with rotary positions, shared and
routed experts, fp32 router); `optimem-nano` runs it over the vision tokens alone, every
position seeing every other.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from optimem.model.config import DecoderConfig
from optimem.model.layers import attend


def rotary(
    positions: int, head_dim: int, theta: float, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosines and sines (positions, head_dim) of rotate-half rotary embedding."""
    exponents = torch.arange(0, head_dim, 2, device=device).float() / head_dim
    angles = torch.outer(torch.arange(positions, device=device).float(), theta**-exponents)
    angles = torch.cat((angles, angles), -1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn (B, heads, N, head_dim) by its positions."""
    first, second = x.chunk(2, -1)
    return (x * cos + torch.cat((-second, first), -1) * sin).to(x.dtype)


class DecoderAttention(nn.Module):
    """Multi-head attention with rotary positions and no biases."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.heads, self.theta, self.causal = config.heads, config.rope_theta, config.causal
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(config.width, config.width, bias=False) for _ in range(4)
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, N, C)
        B, N, C = x.shape
        split = (B, N, self.heads, C // self.heads)
        q, k, v = (
            layer(x).view(split).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )  # (B, heads, N, head_dim)
        cos, sin = rotary(N, C // self.heads, self.theta, x.device)
        mask = None
        if self.causal:
            mask = torch.full((N, N), float("-inf"), device=x.device, dtype=q.dtype).triu(1)
        y = attend(rotate(q, cos, sin), rotate(k, cos, sin), v, mask)
        return self.o_proj(y.transpose(1, 2).reshape(B, N, C))


class GatedMLP(nn.Module):
    """SiLU-gated MLP: a dense layer's, or one expert."""

    def __init__(self, *, dim: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(dim, hidden, bias=False)
        self.up_proj = nn.Linear(dim, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, dim, bias=False)

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
            GatedMLP(dim=config.width, hidden=config.expert_hidden) for _ in range(config.experts)
        )
        self.shared_experts = GatedMLP(dim=config.width, hidden=config.shared_hidden)

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
        routed = torch.zeros(flat.shape, dtype=torch.float32, device=x.device)
        for index, expert in enumerate(self.experts):
            rows, slots = (chosen == index).nonzero(as_tuple=True)
            if len(rows):
                weighted = expert(flat[rows]).float() * weights[rows, slots, None]
                routed = routed.index_add(0, rows, weighted)
        return routed.to(x.dtype).view_as(x) + self.shared_experts(x)


class DecoderBlock(nn.Module):
    """Attention, then one MLP or experts, each behind an RMSNorm."""

    def __init__(self, config: DecoderConfig, mlp: nn.Module) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.width, eps=config.norm_eps)
        self.self_attn = DecoderAttention(config)
        self.post_attention_layernorm = nn.RMSNorm(config.width, eps=config.norm_eps)
        self.mlp = mlp

    def forward(self, x: Tensor) -> Tensor:  # (B, N, C)
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """The stack of blocks: (B, N, C) to (B, N, C), normalised at the end."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderBlock(
                config,
                GatedMLP(dim=config.width, hidden=config.dense_hidden)
                if index < config.dense_layers
                else MixtureOfExperts(config),
            )
            for index in range(config.depth)
        )
        self.norm = nn.RMSNorm(config.width, eps=config.norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)
