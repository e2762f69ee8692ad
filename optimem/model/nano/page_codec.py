"""Dense pages to stored vision tokens and back, by `optimem-nano`.

Implements the `Encoder` and `Decoder` protocols in terms of numpy; importing this file does not
load torch, nor does reading a few pages.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimem.errors import PageError
from optimem.protocols import Page, ReadCells, VisionTokens, check_fingerprint
from optimem.renderers.dense import DenseRenderer
from optimem.tiers import Tier

if TYPE_CHECKING:
    import torch

    from optimem.model.nano.reading import LightReader
    from optimem.model.nano.runtime import NanoRuntime
    from optimem.model.nano.token_coding import Levels, TokenCoder
    from optimem.model.nano.weights_file import WeightsFile

BATCH: dict[Tier, int] = {Tier.LARGE: 2, Tier.BASE: 3, Tier.SMALL: 6, Tier.TINY: 8, Tier.TRACE: 8}
"""Pages that go through the network at once: about the same memory on each tier."""
FEW_PAGES = 16
"""Pages that are read without the network: about as many as are read in the time that it takes to
load (`python -m benchmarks.startup`)."""
MAX_DISTANCE = 0.06
"""RMS ink between an image and its reading drawn again, above which it is not one of our pages."""


class NanoCodec:
    """Encodes and reads dense pages. The network is loaded when it is first needed; the first few
    pages are read without it, in numpy, which is sooner done than importing torch.

    `weights`: a weights file, default the shipped one. `device`, `dtype`: default the best
    that the machine has. The first use raises FormatError for a broken weights file, and
    FingerprintError if the weights were trained for another version of the renderer.
    """

    def __init__(
        self,
        renderer: DenseRenderer,
        *,
        weights: Path | None = None,
        device: "torch.device | None" = None,
        dtype: "torch.dtype | None" = None,
    ) -> None:
        self.renderer = renderer
        self._weights, self._device, self._dtype = weights, device, dtype
        self._read_so_far = 0  # pages

    @cached_property
    def fingerprint(self) -> str:
        """Names the weights, and with them the renderer whose pages they read."""
        return self._file.info.fingerprint

    @cached_property
    def _coders(self) -> "dict[Tier, TokenCoder]":
        from optimem.model.nano.reading import token_coders

        return token_coders(self._file)

    @cached_property
    def _file(self) -> "WeightsFile":
        from optimem.model.nano.weights_file import WeightsFile, shipped_weights

        return WeightsFile.load(self._weights or shipped_weights(), self.renderer.version)

    @cached_property
    def _light(self) -> "LightReader":
        from optimem.model.nano.reading import LightReader

        return LightReader(self._file)

    @cached_property
    def _runtime(self) -> "NanoRuntime":
        from optimem.model.nano.runtime import NanoRuntime

        runtime = NanoRuntime.load(self._file, self._device, self._dtype)
        _ = self.fingerprint, self._coders
        for name in ("_file", "_light"):  # what the network took from them is enough
            self.__dict__.pop(name, None)
        return runtime

    def _reader(self, pages: int) -> "LightReader | NanoRuntime":
        """What reads the next pages: the network once it is loaded, or if these are many."""
        self._read_so_far += pages
        chosen = self._device is not None or self._dtype is not None
        if chosen or self._read_so_far > FEW_PAGES or "_runtime" in self.__dict__:
            return self._runtime
        return self._light

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        """One `VisionTokens` a page."""
        coder = self._coders[tier]
        encoded: list[VisionTokens] = []
        for start in range(0, len(pages), BATCH[tier]):
            batch = pages[start : start + BATCH[tier]]
            levels = self._runtime.encode(np.stack([page.image(tier) for page in batch]), tier)
            encoded += [
                VisionTokens(tier, len(page.cells), self.fingerprint, coder.encode(tokens))
                for page, tokens in zip(batch, levels, strict=True)
            ]
        return encoded

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        """The cells of each page. Raises FingerprintError or ChecksumError."""
        found: dict[int, ReadCells] = {}
        reader = self._reader(len(tokens))
        for tier, places in _batches(tokens):
            levels = np.stack([self._levels(tokens[place]) for place in places])
            for place, read in zip(places, reader.read(levels, tier), strict=True):
                cells = tokens[place].cells
                found[place] = ReadCells(read.ids[:cells], read.probability[:cells])
        return [found[place] for place in range(len(tokens))]

    def cell_features(self, tokens: Sequence[VisionTokens]) -> list[NDArray[np.float32]]:
        """What the network makes of each page's cells before it names their symbols, (cells, F);
        F depends on the tier. Raises FingerprintError or ChecksumError."""
        found: dict[int, NDArray[np.float32]] = {}
        for tier, places in _batches(tokens):
            levels = np.stack([self._levels(tokens[place]) for place in places])
            for place, features in zip(
                places, self._runtime.cell_features(levels, tier), strict=True
            ):
                found[place] = features[: tokens[place].cells].copy()
        return [found[place] for place in range(len(tokens))]

    def read_image(self, ink: NDArray[np.uint8]) -> ReadCells:
        """All cells of a dense page, read from its image (S, S) alone.

        What was read is drawn again and compared. Raises PageError for an image that is not a
        page of this renderer, or is too faded to be read.
        """
        sizes = [tier.value for tier in Tier]
        if ink.ndim != 2 or ink.shape[0] != ink.shape[1] or ink.shape[0] not in sizes:
            raise PageError(
                f"an image of {' × '.join(map(str, ink.shape))} is not a dense page; optimem-nano "
                f"reads square grey pages of {sizes} px that optimem has drawn"
            )
        tier = Tier(ink.shape[0])
        (read,) = self._runtime.read(self._runtime.encode(ink[None], tier), tier)
        redrawn = self.renderer.draw(read.ids, tier)
        distance = float(np.sqrt(np.mean((redrawn / 255.0 - ink / 255.0) ** 2)))
        if distance > MAX_DISTANCE:
            raise PageError(
                "this image is not a page that optimem has drawn in its dense style: drawn again, "
                f"its reading differs by {distance:.2f} RMS ink (at most {MAX_DISTANCE}); "
                "optimem-nano cannot read photos, scans or other fonts"
            )
        return read

    def _levels(self, tokens: VisionTokens) -> "Levels":
        check_fingerprint(tokens.fingerprint, self.fingerprint)
        return self._coders[tokens.tier].decode(tokens.data, tokens.tier.tokens)


def _batches(tokens: Sequence[VisionTokens]) -> Iterator[tuple[Tier, list[int]]]:
    """The places of tokens that go through the network together."""
    for tier in Tier:
        places = [place for place, each in enumerate(tokens) if each.tier == tier]
        for start in range(0, len(places), BATCH[tier]):
            yield tier, places[start : start + BATCH[tier]]
