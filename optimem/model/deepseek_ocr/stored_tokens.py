"""A page's vision tokens as bytes: encoded once, read and asked later without the image.

What is stored is what the decoder sees, newlines and separator included, so that a reader
needs nothing but the decoder.
"""

import json
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from torch import Tensor

from optimem.errors import FormatError
from optimem.omem.container import format_errors, frame, unframe

KIND = b"V"
GROUP = 64
"""Values of a token that share one scale in int4."""


class Packing(StrEnum):
    """How a value is kept: as bf16; as int8 with a scale per position; as int4 with a scale
    per 64 values."""

    BF16 = "bf16"
    INT8 = "int8"
    INT4 = "int4"


@dataclass(frozen=True)
class StoredPage:
    """`tokens` (positions, C) as the decoder sees them. `fingerprint`: of the encoder.
    `mode`: the mode's name; `vision_tokens`: as the paper counts. `width`, `height`: of the
    original image in pixels, in which regions are told."""

    fingerprint: str
    mode: str
    vision_tokens: int
    width: int
    height: int
    tokens: Tensor

    def to_bytes(self, packing: Packing = Packing.BF16) -> bytes:
        """The page, checksummed."""
        header = {
            "encoder": self.fingerprint,
            "mode": self.mode,
            "vision_tokens": self.vision_tokens,
            "size": [self.width, self.height],
            "shape": list(self.tokens.shape),
            "packing": packing.value,
        }
        return frame(KIND, [json.dumps(header).encode(), *pack(self.tokens, packing)])

    @classmethod
    def from_bytes(cls, data: bytes, dtype: torch.dtype = torch.float32) -> "StoredPage":
        """Read a page; its tokens in `dtype`. Raises FormatError, VersionError or
        ChecksumError."""
        described, *parts = unframe(KIND, data)
        with format_errors("a stored page"):
            header = json.loads(described)
            rows, width = header["shape"]
            tokens = unpack(parts, Packing(header["packing"]), rows, width)
            return cls(
                fingerprint=header["encoder"],
                mode=header["mode"],
                vision_tokens=header["vision_tokens"],
                width=header["size"][0],
                height=header["size"][1],
                tokens=tokens.to(dtype),
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


def unpack(parts: list[bytes], packing: Packing, rows: int, width: int) -> Tensor:
    """The inverse of `pack`: (rows, width)."""
    if packing is Packing.BF16:
        (data,) = parts
        return torch.frombuffer(bytearray(data), dtype=torch.bfloat16).view(rows, width)
    data, scales = parts
    group = width if packing is Packing.INT8 else GROUP
    numbers = np.frombuffer(data, np.int8)
    if packing is Packing.INT4:
        bytes_ = np.frombuffer(data, np.uint8)
        numbers = np.stack((bytes_ & 15, bytes_ >> 4), 1).ravel().astype(np.int8) - 8
    scale = np.frombuffer(scales, np.float16).astype(np.float32)
    if len(numbers) != rows * width or len(scale) * group != rows * width:
        raise FormatError(f"{len(numbers)} values and {len(scale)} scales are no {rows} × {width}")
    values = numbers.reshape(-1, group).astype(np.float32) * scale[:, None]
    return torch.from_numpy(values).view(rows, width)
