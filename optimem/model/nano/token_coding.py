"""Whole-numbered vision tokens to bytes and back, by range coding under the tier's prior.

Bytes are a 4-byte check of the content and the coder's words, little endian. Dimensions
that a tier does not use are not written. Knows no model, only means and spreads.
"""

from dataclasses import dataclass
from hashlib import blake2b

import constriction
import numpy as np
from numpy.typing import NDArray

from optimem.errors import ChecksumError

LOWEST, HIGHEST = -1024, 1023
"""Steps that can be written; what lies beyond is clipped."""
UNUSED = 0.12  # spread at or under which a dimension is its mean

_CHECK = 4
_stream = constriction.stream
_FAMILY = _stream.model.QuantizedGaussian(LOWEST, HIGHEST)

Steps = NDArray[np.int16]


@dataclass(frozen=True)
class TokenCoder:
    """Codes the tokens of one tier. `mean`, `spread`: (C,) float32 of each dimension."""

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    def encode(self, steps: Steps) -> bytes:
        """Steps (N, C) as bytes."""
        used = self.spread > UNUSED
        symbols = np.clip(steps[:, used], LOWEST, HIGHEST).astype(np.int32).ravel()
        coder = _stream.queue.RangeEncoder()
        coder.encode(symbols, _FAMILY, *self._models(len(steps)))
        body: bytes = coder.get_compressed().astype("<u4").tobytes()
        return blake2b(body, digest_size=_CHECK).digest() + body

    def decode(self, data: bytes, tokens: int) -> Steps:
        """Bytes to steps (tokens, C). Raises ChecksumError if they were damaged or cut."""
        check, body = data[:_CHECK], data[_CHECK:]
        if len(body) % 4 or blake2b(body, digest_size=_CHECK).digest() != check:
            raise ChecksumError(
                f"{len(data)} bytes of vision tokens are damaged or cut short; restore them "
                "from a copy, or write the page again"
            )
        words = np.frombuffer(body, "<u4").astype(np.uint32)
        used = self.spread > UNUSED
        symbols = _stream.queue.RangeDecoder(words).decode(_FAMILY, *self._models(tokens))
        steps = np.tile(np.round(self.mean).astype(np.int16), (tokens, 1))
        steps[:, used] = symbols.reshape(tokens, -1)
        return steps

    def _models(self, tokens: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and spread of every value that is written, in order."""
        used = self.spread > UNUSED
        return np.tile(self.mean[used], tokens), np.tile(self.spread[used], tokens)
