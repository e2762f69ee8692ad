"""An image's vision tokens as bytes: encoded once, read and asked later without the image.

What is stored is what the decoder takes, newlines and separator included, so that a reader needs
nothing but the decoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, PositiveInt, TypeAdapter
from torch import Tensor

from optimem.errors import InputError
from optimem.omem.container import (
    ContainerKind,
    from_json,
    pack_container,
    to_json,
    unpack_container,
)

INT4_GROUP = 64
"""Values of a position that share one scale in int4."""
MIN_SCALE = 1e-7
"""The scale of a group of zeros."""


class Packing(StrEnum):
    """How values are stored: as bf16; as int8 with a scale per position; as int4 with a scale per
    `INT4_GROUP` values."""

    BF16 = "bf16"
    INT8 = "int8"
    INT4 = "int4"

    @classmethod
    def parse(cls, name: str) -> "Packing":
        """The packing called `name`, in any case. Raises InputError for an unknown one."""
        try:
            return cls(name.strip().lower())
        except ValueError:
            known = ", ".join(cls)
            raise InputError(f"no packing is called {name!r}; choose one of {known}") from None


class _TokensHeader(BaseModel):
    """`size`: width and height of the image. `shape`: of the tokens."""

    model_config = ConfigDict(extra="forbid")

    encoder: str
    mode: str
    vision_tokens: int
    size: list[PositiveInt]
    shape: list[PositiveInt]
    packing: str


_HEADER = TypeAdapter(_TokensHeader)


@dataclass(frozen=True)
class StoredPage:
    """An image's `tokens` (positions, C) as the decoder takes them. `fingerprint`: of the
    encoder. `mode`: the mode's name. `vision_tokens`: as the paper counts them. `width`,
    `height`: of the image in pixels; regions of an answer are in these."""

    fingerprint: str
    mode: str
    vision_tokens: int
    width: int
    height: int
    tokens: Tensor

    def to_bytes(self, packing: Packing = Packing.BF16) -> bytes:
        """The page as a container."""
        return pack_container(ContainerKind.DEEPSEEK_TOKENS, self.to_sections(packing))

    @classmethod
    def from_bytes(cls, data: bytes, dtype: torch.dtype = torch.float32) -> Self:
        """Read a page, its tokens in `dtype`. Raises FormatError, VersionError or
        ChecksumError."""
        with unpack_container(ContainerKind.DEEPSEEK_TOKENS, data) as sections:
            return cls.from_sections(sections, dtype)

    def to_sections(self, packing: Packing = Packing.BF16) -> list[bytes]:
        """The sections of a container: a header (JSON), the values, and their scales if the
        packing has any."""
        header = {
            "encoder": self.fingerprint,
            "mode": self.mode,
            "vision_tokens": self.vision_tokens,
            "size": [self.width, self.height],
            "shape": list(self.tokens.shape),
            "packing": packing,
        }
        return [to_json(header), *pack_tokens(self.tokens, packing)]

    @classmethod
    def from_sections(cls, sections: Sequence[bytes], dtype: torch.dtype = torch.float32) -> Self:
        """The inverse of `to_sections`. Raises ValueError for anything else."""
        described, *packed = sections
        header = from_json(_HEADER, described)
        width, height = header.size
        rows, columns = header.shape
        return cls(
            fingerprint=header.encoder,
            mode=header.mode,
            vision_tokens=header.vision_tokens,
            width=width,
            height=height,
            tokens=unpack_tokens(packed, Packing(header.packing), rows, columns).to(dtype),
        )


def pack_tokens(tokens: Tensor, packing: Packing) -> list[bytes]:
    """Tokens (N, C) as sections: the values, and their scales if the packing has any."""
    tokens = tokens.detach().cpu()
    if packing is Packing.BF16:
        return [tokens.bfloat16().contiguous().view(torch.int16).numpy().tobytes()]
    group, largest = (tokens.shape[1], 127) if packing is Packing.INT8 else (INT4_GROUP, 7)
    values = tokens.float().unflatten(1, (-1, group))  # (N, groups, group)
    scale = (values.abs().amax(-1, keepdim=True) / largest).clamp_min(MIN_SCALE).half()
    levels = (values / scale.float()).round().clamp(-largest, largest).to(torch.int8)
    numbers = levels.flatten().numpy()
    if packing is Packing.INT4:
        nibbles = (numbers + 8).astype(np.uint8)
        numbers = nibbles[::2] | (nibbles[1::2] << 4)
    return [numbers.tobytes(), scale.numpy().tobytes()]


def unpack_tokens(sections: Sequence[bytes], packing: Packing, rows: int, columns: int) -> Tensor:
    """The inverse of `pack_tokens`: (rows, columns). Raises ValueError for sections of other
    sizes, and for scales that are not finite."""
    if packing is Packing.BF16:
        (data,) = sections
        _check_size(len(data), 2 * rows * columns)
        return torch.frombuffer(bytearray(data), dtype=torch.bfloat16).view(rows, columns)
    data, scales = sections
    group = columns if packing is Packing.INT8 else INT4_GROUP
    numbers = np.frombuffer(data, np.int8)
    if packing is Packing.INT4:
        nibbles = np.frombuffer(data, np.uint8)
        numbers = np.stack((nibbles & 15, nibbles >> 4), 1).ravel().astype(np.int8) - 8
    scale = np.frombuffer(scales, np.float16).astype(np.float32)
    _check_size(len(numbers), rows * columns)
    _check_size(len(scale) * group, rows * columns)
    if not np.isfinite(scale).all():
        raise ValueError("a scale is not a finite number")
    values = numbers.reshape(-1, group).astype(np.float32) * scale[:, None]
    return torch.from_numpy(values).view(rows, columns)


def _check_size(found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(f"the shape needs {expected} values or bytes, not {found}")
