"""Vision tokens in whole numbers to bytes and back, by range coding under the tier's prior.

The bytes are a 4-byte checksum and the coder's 32-bit words, little-endian. Dimensions that a
tier does not use are not written. Knows no model, only means and spreads.
"""

from dataclasses import dataclass
from hashlib import blake2b

import constriction
import numpy as np
from numpy.typing import NDArray

from optimem.errors import ChecksumError

LOWEST, HIGHEST = -1024, 1023
"""The range of levels that can be written; others are clipped to it."""
UNUSED = 0.12  # spread up to which a dimension is not written and read as its mean

_CHECK = 4
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
        body: bytes = coder.get_compressed().astype("<u4").tobytes()
        return blake2b(body, digest_size=_CHECK).digest() + body

    def decode(self, data: bytes, tokens: int) -> Levels:
        """The levels (tokens, C). Raises ChecksumError for damaged or truncated bytes."""
        check, body = data[:_CHECK], data[_CHECK:]
        if len(body) % 4 or blake2b(body, digest_size=_CHECK).digest() != check:
            raise ChecksumError(
                f"{len(data)} bytes of vision tokens are damaged or cut short; restore them "
                "from a copy, or write the page again"
            )
        words = np.frombuffer(body, "<u4").astype(np.uint32)
        used = self.spread > UNUSED
        symbols = _stream.queue.RangeDecoder(words).decode(_FAMILY, *self._models(tokens))
        levels = np.tile(np.round(self.mean).astype(np.int16), (tokens, 1))
        levels[:, used] = symbols.reshape(tokens, -1)
        return levels

    def _models(self, tokens: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and spread of each written value, in order."""
        used = self.spread > UNUSED
        return np.tile(self.mean[used], tokens), np.tile(self.spread[used], tokens)
