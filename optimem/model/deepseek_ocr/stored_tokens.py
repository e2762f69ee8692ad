"""A page's vision tokens as bytes: encoded once, read and asked later without the image.

What is stored is what the decoder sees, newlines and separator included, so that a reader
needs nothing but the decoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, PositiveInt, TypeAdapter
from torch import Tensor

from optimem.omem.container import (
    Kind,
    from_json,
    pack_container,
    to_json,
    unpack_container,
)

GROUP = 64
"""Values of a token that share one scale in int4."""


class Packing(StrEnum):
    """How a value is kept: as bf16; as int8 with a scale per position; as int4 with a scale
    per 64 values."""

    BF16 = "bf16"
    INT8 = "int8"
    INT4 = "int4"


class _Header(BaseModel):
    """`shape`: of the tokens."""

    model_config = ConfigDict(extra="forbid")

    encoder: str
    mode: str
    vision_tokens: int
    size: list[PositiveInt]
    shape: list[PositiveInt]
    packing: str


_HEADER = TypeAdapter(_Header)


@dataclass(frozen=True)
class StoredPage:
    """`tokens` (positions, C) as the decoder sees them. `fingerprint`: of the encoder.
    `mode`: the mode's name; `vision_tokens`: as the paper counts. `width`, `height`: of the
    original image in pixels, in which regions are given."""

    fingerprint: str
    mode: str
    vision_tokens: int
    width: int
    height: int
    tokens: Tensor

    def to_bytes(self, packing: Packing = Packing.BF16) -> bytes:
        """The page as a container."""
        return pack_container(Kind.DEEPSEEK_TOKENS, self.to_sections(packing))

    @classmethod
    def from_bytes(cls, data: bytes, dtype: torch.dtype = torch.float32) -> Self:
        """Read a page; its tokens in `dtype`. Raises FormatError, VersionError or
        ChecksumError."""
        with unpack_container(Kind.DEEPSEEK_TOKENS, data) as sections:
            return cls.from_sections(sections, dtype)

    def to_sections(self, packing: Packing = Packing.BF16) -> list[bytes]:
        """The sections of a container: a header (JSON), the values, and their scales where
        there are any."""
        header = {
            "encoder": self.fingerprint,
            "mode": self.mode,
            "vision_tokens": self.vision_tokens,
            "size": [self.width, self.height],
            "shape": list(self.tokens.shape),
            "packing": packing.value,
        }
        return [to_json(header), *pack(self.tokens, packing)]

    @classmethod
    def from_sections(cls, sections: Sequence[bytes], dtype: torch.dtype = torch.float32) -> Self:
        """The inverse of `to_sections`. Raises ValueError for anything else."""
        described, *parts = sections
        header = from_json(_HEADER, described)
        rows, columns = header.shape
        width, height = header.size
        return cls(
            fingerprint=header.encoder,
            mode=header.mode,
            vision_tokens=header.vision_tokens,
            width=width,
            height=height,
            tokens=unpack(parts, Packing(header.packing), rows, columns).to(dtype),
        )


def pack(tokens: Tensor, packing: Packing) -> list[bytes]:
    """Tokens (N, C) as sections of bytes: the values, and their scales where there are any."""
    tokens = tokens.detach().cpu()
    if packing is Packing.BF16:
        return [tokens.bfloat16().contiguous().view(torch.int16).numpy().tobytes()]
    group, largest = (tokens.shape[1], 127) if packing is Packing.INT8 else (GROUP, 7)
    values = tokens.float().unflatten(1, (-1, group))  # (N, groups, group)
    scale = (values.abs().amax(-1, keepdim=True) / largest).clamp_min(1e-7).half()
    steps = (values / scale.float()).round().clamp(-largest, largest).to(torch.int8)
    numbers = steps.flatten().numpy()
    if packing is Packing.INT4:
        nibbles = (numbers + 8).astype(np.uint8)
        numbers = nibbles[::2] | (nibbles[1::2] << 4)
    return [numbers.tobytes(), scale.numpy().tobytes()]


def unpack(parts: Sequence[bytes], packing: Packing, rows: int, width: int) -> Tensor:
    """The inverse of `pack`: (rows, width). Raises ValueError if the sizes do not match."""
    if packing is Packing.BF16:
        (data,) = parts
        _check_size(len(data), 2 * rows * width)
        return torch.frombuffer(bytearray(data), dtype=torch.bfloat16).view(rows, width)
    data, scales = parts
    group = width if packing is Packing.INT8 else GROUP
    numbers = np.frombuffer(data, np.int8)
    if packing is Packing.INT4:
        nibbles = np.frombuffer(data, np.uint8)
        numbers = np.stack((nibbles & 15, nibbles >> 4), 1).ravel().astype(np.int8) - 8
    scale = np.frombuffer(scales, np.float16).astype(np.float32)
    _check_size(len(numbers), rows * width)
    _check_size(len(scale) * group, rows * width)
    if not np.isfinite(scale).all():
        raise ValueError("a scale is not a finite number")
    values = numbers.reshape(-1, group).astype(np.float32) * scale[:, None]
    return torch.from_numpy(values).view(rows, width)


def _check_size(found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(f"{found} values or bytes stand where {expected} belong")
