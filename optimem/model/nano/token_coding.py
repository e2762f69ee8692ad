"""Vision tokens in whole numbers to bytes and back, by range coding under the tier's prior.

The bytes are a container with the coder's 32-bit words, little-endian. Dimensions that a tier
does not use are not written. Knows no model, only means and spreads.
"""

from dataclasses import dataclass
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from optimem.omem.container import ContainerKind, pack_container, unpack_container

LOWEST, HIGHEST = -1024, 1023
"""The range of levels that can be written; others are clipped to it."""
UNUSED = 0.12  # spread up to which a dimension is not written and read as its mean

_stream = constriction.stream
_FAMILY = _stream.model.QuantizedGaussian(LOWEST, HIGHEST)

Levels = NDArray[np.int16]
"""Quantised vision tokens: (N, C) of one page, or (B, N, C)."""


@dataclass(frozen=True)
class TokenCoder:
    """Codes the tokens of one tier. `mean`, `spread`: (C,) float32 of each dimension."""

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    def encode(self, levels: Levels) -> bytes:
        """Levels (N, C) as bytes."""
        used = self.spread > UNUSED
        symbols = np.clip(levels[:, used], LOWEST, HIGHEST).astype(np.int32).ravel()
        coder = _stream.queue.RangeEncoder()
        coder.encode(symbols, _FAMILY, *self._models(len(levels)))
        words = coder.get_compressed().astype("<u4").tobytes()
        return pack_container(ContainerKind.NANO_TOKENS, [words])

    def decode(self, data: bytes, tokens: int) -> Levels:
        """The levels (tokens, C). Raises FormatError, VersionError or ChecksumError."""
        with unpack_container(ContainerKind.NANO_TOKENS, data) as (section,):
            words = np.frombuffer(section, "<u4").astype(np.uint32)
            symbols = _decoded(_stream.queue.RangeDecoder(words), *self._models(tokens))
        levels = np.tile(np.round(self.mean).astype(np.int16), (tokens, 1))
        levels[:, self.spread > UNUSED] = symbols.reshape(tokens, -1)
        return levels

    def _models(self, tokens: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and spread of each written value, in order."""
        used = self.spread > UNUSED
        return np.tile(self.mean[used], tokens), np.tile(self.spread[used], tokens)


def _decoded(
    decoder: Any, mean: NDArray[np.float32], spread: NDArray[np.float32]
) -> NDArray[np.int32]:
    """All the symbols of a decoder. Raises ValueError if its words do not encode so many."""
    try:
        symbols: NDArray[np.int32] = decoder.decode(_FAMILY, mean, spread)
    except AssertionError as error:  # constriction's word for it
        raise ValueError(str(error)) from error
    if not decoder.maybe_exhausted():
        raise ValueError(f"there are more words than {len(symbols)} values take")
    return symbols
