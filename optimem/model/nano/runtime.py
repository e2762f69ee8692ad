"""The network at work: loaded weights on a device, arrays in and out.

The one file between numpy and torch; importing it loads torch. Knows nothing of pages or bytes.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from optimem.model.hardware import best_device, best_dtype
from optimem.model.nano.model import NanoModel
from optimem.model.nano.token_coding import Levels
from optimem.model.nano.weights import load_weights
from optimem.model.nano.weights_file import WeightsFile
from optimem.protocols import ReadCells
from optimem.tiers import Tier


@dataclass(frozen=True)
class NanoRuntime:
    """The network on its device."""

    model: NanoModel

    @classmethod
    def load(
        cls,
        weights: WeightsFile,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> Self:
        """Make the network of a weights file. `device`: default CUDA or MPS if available; `dtype`:
        default bf16 if the device multiplies it natively, else fp32. Raises FormatError for weights
        of another size.
        """
        with torch.device("meta"):  # nothing is initialised: all of it comes from the file
            model = NanoModel(weights.config)
        load_weights(model, weights)
        device = device or best_device()
        dtype = dtype or best_dtype(device)
        for name, module in model.named_children():
            if name != "bottleneck":  # what is rounded stays fp32
                module.to(dtype)
        return cls(model.to(device).eval().requires_grad_(False))

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

    @torch.inference_mode()
    def cell_features(self, levels: Levels, tier: Tier) -> NDArray[np.float32]:
        """What the readout makes of vision tokens (B, N, K) before it names symbols: (B, cells, F)
        of all cells; F is the tier's in `NanoConfig.cell_features`."""
        model, on_device = self.model, torch.from_numpy(levels).to(self._device)
        decoded = model.decode(model.bottleneck.restore(on_device, tier))
        features: NDArray[np.float32] = model.readout(tier)(decoded).float().cpu().numpy()
        return features

    @property
    def _device(self) -> torch.device:
        return self.model.token_embed.weight.device
