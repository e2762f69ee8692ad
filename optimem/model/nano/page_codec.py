"""`optimem-nano` at work: pages to stored vision tokens and back, on CPU or GPU.

Implements the `Encoder` and `Decoder` protocols for pages of the dense style.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from optimem.errors import FingerprintError, PageError
from optimem.model.config import NANO
from optimem.model.nano.model import Reader
from optimem.model.nano.token_coding import Steps, TokenCoder
from optimem.model.nano.weights import Origin, load_weights, shipped_weights
from optimem.protocols import Page, ReadCells, VisionTokens
from optimem.renderers.dense import CAPACITY, DenseRenderer
from optimem.tiers import Tier

BATCH: dict[Tier, int] = {Tier.LARGE: 2, Tier.BASE: 3, Tier.SMALL: 6, Tier.TINY: 8, Tier.TRACE: 8}
"""Pages that go through the model at once: about the same memory on each tier."""
FOREIGN = 0.06  # RMS ink between a page and what was read on it, from which it is not ours


def best_device() -> torch.device:
    """CUDA or MPS where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """bf16 where the hardware multiplies it, else fp32."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    native = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if native else torch.float32


class NanoReader:
    """Encodes and reads dense pages. `weights`: a safetensors file, default the shipped one.

    The model is loaded at its first use. Raises FormatError for a broken weights file and
    FingerprintError if the weights were trained for another version of the renderer.
    """

    def __init__(
        self,
        renderer: DenseRenderer,
        *,
        weights: Path | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.renderer = renderer
        self.weights = weights or shipped_weights()
        self.device = device or best_device()
        self.dtype = dtype or best_dtype(self.device)

    @cached_property
    def _loaded(self) -> tuple[Reader, Origin]:
        reader = Reader(NANO)
        origin = load_weights(reader, self.weights)
        if origin.renderer != self.renderer.version:
            raise FingerprintError(
                f"{self.weights} reads pages of {origin.renderer}, this version draws "
                f"{self.renderer.version}; install the optimem release they came with"
            )
        for name, module in reader.named_children():
            if name != "bottleneck":  # its numbers decide how bytes are read
                module.to(self.dtype)
        return reader.to(self.device).eval().requires_grad_(False), origin

    @property
    def fingerprint(self) -> str:
        """Names the weights, and with them the renderer they read."""
        return self._loaded[1].fingerprint

    @cached_property
    def _coders(self) -> dict[Tier, TokenCoder]:
        priors = {tier: self._loaded[0].bottleneck.prior(tier) for tier in Tier}
        return {
            tier: TokenCoder(mean.cpu().numpy(), spread.cpu().numpy())
            for tier, (mean, spread) in priors.items()
        }

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        """Vision tokens of each page at a tier."""
        encoded: list[VisionTokens] = []
        for start in range(0, len(pages), BATCH[tier]):
            batch = pages[start : start + BATCH[tier]]
            steps = self._encode_images(np.stack([page.image(tier) for page in batch]), tier)
            encoded += [
                VisionTokens(tier, len(page.cells), self.fingerprint, self._coders[tier].encode(s))
                for page, s in zip(batch, steps, strict=True)
            ]
        return encoded

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        """What stands on each page. Raises FingerprintError or ChecksumError."""
        found: list[ReadCells | None] = [None] * len(tokens)
        for tier, places in self._batches(tokens):
            steps = np.stack([self._steps(tokens[place]) for place in places])
            for place, read in zip(places, self._read_steps(steps, tier), strict=True):
                cells = tokens[place].cells
                found[place] = ReadCells(read.ids[:cells], read.probability[:cells])
        return [read for read in found if read is not None]

    def read_image(self, ink: NDArray[np.uint8]) -> ReadCells:
        """Read the image of a dense page, (S, S) ink, by its looks alone.

        Redraws what was read and compares: raises PageError for an image that is no page of
        this renderer's dense style, or is too faded to be read.
        """
        sizes = [tier.value for tier in Tier]
        if ink.ndim != 2 or ink.shape[0] != ink.shape[1] or ink.shape[0] not in sizes:
            raise PageError(
                f"an image of {' × '.join(map(str, ink.shape))} is no dense page; optimem-nano "
                f"reads square grey pages of {sizes} px that optimem has drawn"
            )
        tier = Tier(ink.shape[0])
        (read,) = self._read_steps(self._encode_images(ink[None], tier), tier)
        redrawn = self.renderer.draw(read.ids, tier)
        distance = float(np.sqrt(np.mean((redrawn / 255.0 - ink / 255.0) ** 2)))
        if distance > FOREIGN:
            raise PageError(
                "this image is not a page that optimem has drawn in its dense style (what was "
                f"read on it differs from it by {distance:.2f} RMS ink, {FOREIGN} is the limit); "
                "optimem-nano reads no photos, scans or other fonts"
            )
        return read

    def _batches(self, tokens: Sequence[VisionTokens]) -> Iterator[tuple[Tier, list[int]]]:
        for tier in Tier:
            places = [i for i, token in enumerate(tokens) if token.tier == tier]
            for start in range(0, len(places), BATCH[tier]):
                yield tier, places[start : start + BATCH[tier]]

    def _steps(self, tokens: VisionTokens) -> Steps:
        if tokens.fingerprint != self.fingerprint:
            raise FingerprintError(
                f"these vision tokens were written by {tokens.fingerprint!r}, the model here is "
                f"{self.fingerprint!r}; read them with the optimem release that wrote them"
            )
        return self._coders[tokens.tier].decode(tokens.data, tokens.tier.tokens)

    @torch.inference_mode()
    def _encode_images(self, images: NDArray[np.uint8], tier: Tier) -> Steps:
        ink = torch.tensor(images, device=self.device)
        steps: Steps = self._loaded[0].encode(ink, tier).cpu().numpy()
        return steps

    @torch.inference_mode()
    def _read_steps(self, steps: Steps, tier: Tier) -> list[ReadCells]:
        on_device = torch.from_numpy(steps).to(self.device)
        symbols, probability = self._loaded[0].read(on_device, tier)
        ids = symbols.cpu().numpy().astype(np.uint16)
        sure = probability.float().cpu().numpy()
        assert ids.shape == (len(steps), CAPACITY)
        return [ReadCells(i, p) for i, p in zip(ids, sure, strict=True)]
