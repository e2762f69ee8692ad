"""Weights on disk: a safetensors file in a zstd frame, large matrices as int8 with row scales.

The frame saves a tenth, since the values of a row spread like a Gaussian. The metadata names the
weights, the configuration and the renderer that they were trained for. The priors stay fp32,
because the range coder must see the same numbers everywhere. How a file is read without torch is
in `weights_file`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import torch
import zstandard
from safetensors.torch import save
from torch import Tensor

from optimem.errors import FormatError
from optimem.model.nano.model import NanoModel
from optimem.model.nano.weights_file import (
    FORMAT,
    SCALE,
    SYMBOLS,
    WeightsFile,
    WeightsInfo,
    stored_name,
)
from optimem.omem.atomic import atomic_write

ZSTD_LEVEL = 3  # higher ones save nothing more
PRIORS = ("bottleneck.mean", "bottleneck.log_spread", "bottleneck.log_share")
BASES = "bottleneck.bases."  # fp16, because each is used twice: there and back
SMALLEST_MATRIX = 4096  # elements; smaller ones are kept as fp16


class StoredModel(NamedTuple):
    """A weights file: parameters by `NanoModel`'s names, and what it says of itself."""

    state: dict[str, Tensor]
    info: WeightsInfo


def save_weights(
    model: NanoModel, renderer: str, symbols: Sequence[str], path: Path
) -> WeightsInfo:
    """Write a model's weights, trained for pages of a renderer's version with these symbols."""
    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        tensors |= _packed(stored_name(name), value.cpu())
    digest = blake2b(digest_size=8)
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].numpy().tobytes())
    info = WeightsInfo(f"nano-{digest.hexdigest()}", renderer, tuple(symbols))
    described = {
        "format": FORMAT,
        "config": json.dumps(asdict(model.config), default=str),
        "fingerprint": info.fingerprint,
        "renderer": renderer,
        SYMBOLS: json.dumps(info.symbols),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(zstandard.compress(save(tensors, described), ZSTD_LEVEL))
    path.chmod(0o644)
    return info


def load_weights(model: NanoModel, file: WeightsFile) -> None:
    """Fill a model from a file. Raises FormatError, naming it, if it is of another size."""
    try:
        model.load_state_dict(_state(file), assign=True)
    except RuntimeError as error:
        raise FormatError(f"{file.path} does not fit this model: {error}") from error


def read_weights(path: Path) -> StoredModel:
    """What a file holds, whatever the sizes of its model. Raises FormatError or VersionError,
    naming the file."""
    file = WeightsFile.load(path)
    return StoredModel(_state(file), file.info)


def _state(file: WeightsFile) -> dict[str, Tensor]:
    return {name: torch.from_numpy(file.array(name)) for name in file.names}


def _packed(name: str, value: Tensor) -> dict[str, Tensor]:
    """A parameter as the tensors that a file holds of it."""
    if name in PRIORS:
        return {name: value.float().contiguous()}
    if value.ndim < 2 or value.numel() < SMALLEST_MATRIX or name.startswith(BASES):
        return {name: value.half().contiguous()}
    value = value.float()
    scale = (value.abs().amax(-1).clamp_min(1e-8) / 127).half()  # (…, rows)
    steps = (value / scale.float()[..., None]).round().clamp(-127, 127)
    return {name: steps.to(torch.int8), name + SCALE: scale}
