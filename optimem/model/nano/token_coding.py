"""Vision tokens in whole numbers to bytes and back, by range coding under the tier's prior.

The bytes are a container with the coder's 32-bit words, little-endian: the class of every token,
then the values of all. Values that a tier does not use are not written. Knows no model, only the
parts of a prior.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from optimem.omem.container import ContainerKind, pack_container, unpack_container

LOWEST, HIGHEST = -1024, 1023
"""The range of levels that can be written; others are clipped to it."""
UNUSED = 0.12  # spread up to which a value is not written and read as its mean
ROUNDING_VARIANCE = 1 / 12
LEAST_SHARE = 0.001  # so that no class costs more than ten bits a token

_stream = constriction.stream
_FAMILY = _stream.model.QuantizedGaussian(LOWEST, HIGHEST)

Levels = NDArray[np.int16]
"""Quantised vision tokens: (N, K) of one page, or (B, N, K)."""


@dataclass(frozen=True)
class TokenCoder:
    """Codes the tokens of one tier. `mean` (K,) of each value; by class of token, of which
    there are at least two, its `spread` (classes, K); `share` (classes,), the classes'
    frequencies; float32 each."""

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    share: NDArray[np.float32]

    def encode(self, levels: Levels) -> bytes:
        """Levels (N, K) as bytes."""
        classes = self._cheapest_classes(levels)
        symbols = np.clip(levels[:, self._used], LOWEST, HIGHEST).astype(np.int32).ravel()
        coder = _stream.queue.RangeEncoder()
        coder.encode(classes, self._class_model)
        coder.encode(symbols, _FAMILY, *self._value_models(classes))
        words = coder.get_compressed().astype("<u4").tobytes()
        return pack_container(ContainerKind.NANO_TOKENS, [words])

    def decode(self, data: bytes, tokens: int) -> Levels:
        """The levels (tokens, K). Raises FormatError, VersionError or ChecksumError."""
        with unpack_container(ContainerKind.NANO_TOKENS, data) as (section,):
            symbols = self._symbols(np.frombuffer(section, "<u4").astype(np.uint32), tokens)
        levels = np.tile(np.round(self.mean).astype(np.int16), (tokens, 1))
        levels[:, self._used] = symbols.reshape(tokens, -1)
        return levels

    def _symbols(self, words: NDArray[np.uint32], tokens: int) -> NDArray[np.int32]:
        """All values that words encode. Raises ValueError if these are not those of `tokens`."""
        decoder = _stream.queue.RangeDecoder(words)
        try:
            classes = decoder.decode(self._class_model, tokens)
            symbols: NDArray[np.int32] = decoder.decode(_FAMILY, *self._value_models(classes))
        except AssertionError as error:  # constriction's word for it
            raise ValueError(str(error)) from error
        if not decoder.maybe_exhausted():
            raise ValueError(f"there are more words than {len(symbols)} values take")
        return symbols

    def _cheapest_classes(self, levels: Levels) -> NDArray[np.int32]:
        """The class (N,) under which each token costs least, by the densities of the Gaussians."""
        squares = (levels - self.mean).astype(np.float64) ** 2  # (N, K)
        variance = self.spread.astype(np.float64) ** 2 + ROUNDING_VARIANCE  # (classes, K)
        cost = (squares @ (1 / variance).T + np.log(variance).sum(1)) / 2  # (N, classes)
        return (cost - np.log(self.share)).argmin(1).astype(np.int32)

    @property
    def _used(self) -> NDArray[np.bool_]:
        """Which values (K,) are written."""
        used: NDArray[np.bool_] = self.spread.max(0) > UNUSED
        return used

    @cached_property
    def _class_model(self) -> Any:
        share = self.share.astype(np.float64) + LEAST_SHARE
        return _stream.model.Categorical(share / share.sum(), perfect=False)

    def _value_models(
        self, classes: NDArray[np.int32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and spread of each written value, in order."""
        used = self._used
        return np.tile(self.mean[used], len(classes)), self.spread[classes][:, used].ravel()
