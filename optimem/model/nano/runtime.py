"""The network at work: loaded weights on a device, arrays in and out.

The one file between numpy and torch; importing it loads torch. Knows nothing of pages or bytes.
"""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from optimem.model.hardware import best_device, best_dtype
from optimem.model.nano.model import NanoConfig, NanoModel
from optimem.model.nano.token_coding import Levels, TokenCoder
from optimem.model.nano.weights import load_weights
from optimem.protocols import ReadCells
from optimem.tiers import Tier


@dataclass(frozen=True)
class NanoRuntime:
    """`fingerprint`: of the weights. `coders`: by tier, with the priors of the weights."""

    model: NanoModel
    fingerprint: str
    coders: dict[Tier, TokenCoder]

    @classmethod
    def load(
        cls,
        weights: Path,
        renderer: str,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> Self:
        """Load a weights file. `device`: default CUDA or MPS if available; `dtype`: default bf16
        if the device multiplies it natively, else fp32.

        Raises FormatError for a broken file, and FingerprintError if the weights were trained
        for another version of the renderer.
        """
        model = NanoModel(NanoConfig())
        info = load_weights(model, weights, renderer)
        coders = _coders(model)
        device = device or best_device()
        dtype = dtype or best_dtype(device)
        for name, module in model.named_children():
            if name != "bottleneck":  # what is rounded stays fp32
                module.to(dtype)
        model = model.to(device).eval().requires_grad_(False)
        return cls(model, info.fingerprint, coders)

    @torch.inference_mode()
    def encode(self, images: NDArray[np.uint8], tier: Tier) -> Levels:
        """Ink (B, S, S) to vision tokens in whole numbers (B, N, K)."""
        ink = torch.tensor(images, device=self._device)
        levels: Levels = self.model.encode(ink, tier).cpu().numpy()
        return levels

    @torch.inference_mode()
    def read(self, levels: Levels, tier: Tier) -> list[ReadCells]:
        """Vision tokens in whole numbers (B, N, K) to all cells of each page."""
        on_device = torch.from_numpy(levels).to(self._device)
        symbols, probability = self.model.read(on_device, tier)  # (B, cells) each
        ids = symbols.cpu().numpy().astype(np.uint16)
        return list(map(ReadCells, ids, probability.float().cpu().numpy()))

    @property
    def _device(self) -> torch.device:
        return self.model.token_embed.weight.device


@torch.inference_mode()
def _coders(model: NanoModel) -> dict[Tier, TokenCoder]:
    """Coders by tier. Computed in fp64 on the CPU and rounded, because they must be the same
    everywhere: devices' exponentials differ in the last bit of fp32."""
    bottleneck = deepcopy(model.bottleneck).double()
    priors = {tier: bottleneck.prior(tier) for tier in Tier}
    return {
        tier: TokenCoder(*(part.numpy().astype(np.float32) for part in prior))
        for tier, prior in priors.items()
    }
