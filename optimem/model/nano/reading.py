"""Reading in numpy: the half of `NanoModel` that a reader needs, once more.

Importing torch takes several times as long as reading a page, so a process that reads a few pages,
such as a command that answers one question, does without. The numbers are fp32; a test compares
them with the network's. Knows nothing of files or bytes.

Dimensions: N vision tokens of one page, C channels, K values stored of a token, g² = N.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import gcd, isqrt

import numpy as np
from numpy.typing import NDArray

from optimem.errors import FormatError
from optimem.model import NORM_EPS, ROPE_THETA
from optimem.model.nano.sizes import LEAST_SPREAD, TAIL_THRESHOLD, TIERS
from optimem.model.nano.token_coding import Levels, TokenCoder
from optimem.model.nano.weights_file import WeightsFile
from optimem.protocols import ReadCells
from optimem.renderers.dense import MARGINS, canvas_cells
from optimem.tiers import Tier

Array = NDArray[np.float32]
"""Of any shape."""
_SQRT_2 = np.float32(2**0.5)
_ERF = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
"""Abramowitz and Stegun, 7.1.26: off by at most 1.5e-7."""


def token_coders(file: WeightsFile) -> dict[Tier, TokenCoder]:
    """Coders by tier, with the priors of the weights. Computed in fp64 and rounded, because they
    must be the same everywhere: exponentials differ in the last bit of fp32."""
    mean, spread, share = (
        file.array(f"bottleneck.{name}").astype(np.float64)
        for name in ("mean", "log_spread", "log_share")
    )
    coders = {}
    for index, tier in enumerate(TIERS):
        k = len(file.array(f"bottleneck.bases.{tier.label}.weight"))
        parts = (
            mean[index, :k],
            np.maximum(np.exp(spread[index, :, :k]), LEAST_SPREAD),
            np.exp(share[index]) / np.exp(share[index]).sum(),
        )
        coders[tier] = TokenCoder(*(part.astype(np.float32) for part in parts))
    return coders


@dataclass(frozen=True)
class LightReader:
    """Reads pages with the weights of a file, which are unpacked as they are needed."""

    file: WeightsFile

    def read(self, levels: Levels, tier: Tier) -> list[ReadCells]:
        """Vision tokens in whole numbers (B, N, K) to all cells of each page. Raises FormatError
        for weights of another size."""
        readout = self._readout(tier)
        try:
            return [_cells(self._decode(self._restore(p, tier)), readout, tier) for p in levels]
        except (KeyError, ValueError) as error:  # a weight that is not there, or of another shape
            raise FormatError(f"{self.file.path} does not fit this model: {error}") from error

    def _restore(self, levels: Levels, tier: Tier) -> Array:
        """As `Bottleneck.restore`: (N, K) to (N, C)."""
        index = TIERS.index(tier)
        basis = self.file.array(f"bottleneck.bases.{tier.label}.weight")  # (K, C)
        gain, centre, scale = (
            self.file.array(f"bottleneck.{name}")[index]
            for name in ("log_gain", "centre", "log_scale")
        )
        tokens = levels.astype(np.float32) / np.exp(scale[: len(basis)]) @ basis
        return np.asarray((tokens + centre) * np.exp(-gain), np.float32)

    def _decode(self, tokens: Array) -> Array:
        """As `NanoModel.decode`: (N, C) to (N, width)."""
        p = self._decoder
        x = tokens @ p["token_embed.weight"].T + p["token_embed.bias"]
        for index in range(self.file.config.decoder_depth):
            block = f"decoder_blocks.{index}."
            x = x + self._attention(_norm(x, p[block + "input_layernorm.weight"]), block)
            y = _norm(x, p[block + "post_attention_layernorm.weight"])
            last = index == self.file.config.decoder_depth - 1
            x = x + (self._experts(y, block) if last else _gated(y, p, block + "mlp."))
        return _norm(x, p["decoder_norm.weight"])

    def _attention(self, x: Array, block: str) -> Array:
        p, heads = self._decoder, self.file.config.decoder_heads
        q, k, v = (
            (x @ p[f"{block}self_attn.{name}_proj.weight"].T).reshape(len(x), heads, -1)
            for name in "qkv"
        )
        q, k, v = (each.transpose(1, 0, 2) for each in (_rotated(q), _rotated(k), v))
        q = np.asarray(q / np.float32(q.shape[-1] ** 0.5))
        y = _softmax(np.asarray(q @ k.transpose(0, 2, 1))) @ v  # (heads, N, head_dim)
        y = y.transpose(1, 0, 2).reshape(x.shape)
        return np.asarray(y @ p[f"{block}self_attn.o_proj.weight"].T)

    def _experts(self, x: Array, block: str) -> Array:
        """As `MixtureOfExperts`: the likeliest experts of each token, and the shared one."""
        p, mlp = self._decoder, block + "mlp."
        scores = _softmax(x @ p[mlp + "gate.weight"].T)  # (N, experts)
        chosen = np.argsort(-scores, -1, "stable")[:, : self.file.config.top_k]
        out = _gated(x, p, mlp + "shared_experts.")
        for expert in range(scores.shape[1]):
            rows = np.flatnonzero((chosen == expert).any(1))
            if len(rows):
                part = _gated(x[rows], p, f"{mlp}experts.{expert}.")
                out[rows] += part * scores[rows, expert, None]
        return out

    @cached_property
    def _decoder(self) -> Mapping[str, Array]:
        starts = ("token_embed.", "decoder_blocks.", "decoder_norm.")
        names = [name for name in self.file.names if name.startswith(starts)]
        return {name: self.file.array(name) for name in names}

    def _readout(self, tier: Tier) -> Mapping[str, Array]:
        start = f"readouts.{tier.label}."
        names = [name for name in self.file.names if name.startswith(start)]
        return {name.removeprefix(start): self.file.array(name) for name in names}


def _cells(x: Array, p: Mapping[str, Array], tier: Tier) -> ReadCells:
    """As `Readout` and `SymbolHead`: (N, C) to all cells of a page."""
    columns, rows = canvas_cells(tier)
    grid = isqrt(len(x))
    across, down = grid // gcd(grid, columns), grid // gcd(grid, rows)
    groups = (grid // down, grid // across)
    x = x.reshape(groups[0], down, groups[1], across, -1).transpose(0, 2, 1, 3, 4)
    x = x.reshape(groups[0] * groups[1], -1) @ p["cells.weight"].T + p["cells.bias"]
    x = x.reshape(*groups, rows // groups[0], columns // groups[1], -1).transpose(0, 2, 1, 3, 4)
    x = x.reshape(rows, columns, -1)
    left, top = MARGINS.get(tier, (0, 0))
    x = x[top : rows - top, left : columns - left]
    return _symbols(_gelu(x.reshape(-1, x.shape[-1])), p)


def _symbols(cells: Array, p: Mapping[str, Array]) -> ReadCells:
    """As `SymbolHead.read`: features (M, F) to symbols and probabilities (M,)."""
    common = len(p["symbol.head.bias"]) - 1
    head = _softmax(_logits(cells, p, "head"))  # (M, common + 1)
    symbol = head[:, :-1].argmax(-1)
    probability = head[np.arange(len(head)), symbol]
    rare = np.flatnonzero(head[:, -1] > TAIL_THRESHOLD)
    if len(rare):
        tail = _softmax(_logits(cells[rare], p, "tail"))
        best = tail.argmax(-1)
        likely = tail[np.arange(len(tail)), best] * head[rare, -1]
        wins = likely > probability[rare]
        symbol[rare[wins]] = best[wins] + common
        probability[rare[wins]] = likely[wins]
    return ReadCells(symbol.astype(np.uint16), probability)


def _logits(cells: Array, p: Mapping[str, Array], layer: str) -> Array:
    logits = cells @ p[f"symbol.{layer}.weight"].T + p[f"symbol.{layer}.bias"]
    return np.asarray(logits / p["symbol.temperature"])


def _norm(x: Array, weight: Array) -> Array:
    return np.asarray(x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(NORM_EPS)) * weight)


def _gated(x: Array, p: Mapping[str, Array], mlp: str) -> Array:
    """As `GatedMLP`."""
    gate, up = x @ p[mlp + "gate_proj.weight"].T, x @ p[mlp + "up_proj.weight"].T
    return np.asarray(gate / (1 + np.exp(-gate)) * up @ p[mlp + "down_proj.weight"].T)


def _rotated(x: Array) -> Array:
    """As `rotary` and `rotate`: (N, heads, head_dim), turned by its positions."""
    size = x.shape[-1]
    frequencies = 1 / np.float32(ROPE_THETA) ** (np.arange(0, size, 2, dtype=np.float32) / size)
    angles = np.arange(len(x), dtype=np.float32)[:, None] * frequencies  # (N, head_dim / 2)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    first, second = x[..., : size // 2], x[..., size // 2 :]
    return np.concatenate((first * cos - second * sin, second * cos + first * sin), -1)


def _softmax(x: Array) -> Array:
    x = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(x / x.sum(-1, keepdims=True))


def _gelu(x: Array) -> Array:
    z = np.abs(x) / _SQRT_2
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = np.zeros_like(t)
    for factor in _ERF:
        series = (series + np.float32(factor)) * t
    erf = np.copysign(1 - series * np.exp(-z * z), x)
    return np.asarray(x * (1 + erf) / 2)
