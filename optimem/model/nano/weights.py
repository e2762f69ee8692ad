"""Weights on disk: a safetensors file in a zstd frame, large matrices as int8 with row scales.

The frame saves a tenth, since the values of a row spread like a Gaussian. The metadata names the
weights, the configuration and the renderer that they were trained for. The priors stay fp32,
because the range coder must see the same numbers everywhere.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import torch
import zstandard
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from optimem.errors import FingerprintError, FormatError, VersionError
from optimem.model.nano.model import NanoModel
from optimem.omem.atomic import atomic_write

FORMAT = "optimem-reader-2"
ZSTD_LEVEL = 3  # higher ones save nothing more
SCALE = ".scale"
SYMBOLS = "symbols"
PRIORS = ("bottleneck.mean", "bottleneck.log_spread", "bottleneck.log_share")
BASES = "bottleneck.bases."  # fp16, because each is used twice: there and back
SMALLEST_MATRIX = 4096  # elements; smaller ones are kept as fp16
SHIPPED = "weights/optimem-nano.safetensors.zst"

STORED_NAMES = {
    "patch_embed.": "encoder.windowed.patch_embed.",
    "patch_positions.": "encoder.windowed.positions.",
    "window_blocks.": "encoder.windowed.blocks.",
    "patch_norm.": "encoder.compressor.norm.",
    "halve.": "encoder.compressor.net_2.",
    "quarter.": "encoder.compressor.net_3.",
    "global_positions.": "encoder.globals.positions.",
    "global_blocks.": "encoder.globals.blocks.",
    "global_norm.": "encoder.globals.norm.",
    "projector.": "encoder.projector.",
    "decoder_blocks.": "decoder.layers.",
    "decoder_norm.": "decoder.norm.",
}
"""How a parameter's name starts in `NanoModel`, and how in a file; others are the same in both.
The fingerprint covers the names in the file, so these never change."""


@dataclass(frozen=True)
class WeightsInfo:
    """`fingerprint` names the weights; `renderer` is the version whose pages they read, `symbols`
    those of its alphabet in the order of their ids."""

    fingerprint: str
    renderer: str
    symbols: tuple[str, ...]


class StoredModel(NamedTuple):
    """A weights file: parameters by `NanoModel`'s names, and what it says of itself."""

    state: dict[str, Tensor]
    info: WeightsInfo


def shipped_weights() -> Path:
    """The file of `optimem-nano` inside the package."""
    return Path(str(files("optimem.model.nano").joinpath(SHIPPED)))


def save_weights(
    model: NanoModel, renderer: str, symbols: Sequence[str], path: Path
) -> WeightsInfo:
    """Write a model's weights, trained for pages of a renderer's version with these symbols."""
    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        tensors |= _packed(_stored_name(name), value.cpu())
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


def load_weights(model: NanoModel, path: Path, renderer: str = "") -> WeightsInfo:
    """Fill a model from a file. Raises FormatError or VersionError, naming the file, and
    FingerprintError if it was not trained for pages of `renderer`, by default of any."""
    state, info = read_weights(path)
    if renderer not in ("", info.renderer):
        raise FingerprintError(
            f"{path} reads pages of {info.renderer}, this version draws {renderer}; "
            "install the optimem release they came with"
        )
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise FormatError(f"{path} does not fit this model: {error}") from error
    return info


def read_weights(path: Path) -> StoredModel:
    """What a file holds, whatever the sizes of its model. Raises FormatError or VersionError,
    naming the file."""
    try:
        data = zstandard.decompress(path.read_bytes())
        stored, metadata = load(data), _metadata(data)
    except (OSError, zstandard.ZstdError, SafetensorError) as error:
        raise FormatError(f"{path} cannot be read as a weights file: {error}") from error
    if metadata.get("format") != FORMAT:
        raise VersionError(
            f"{path} has format {metadata.get('format')!r}, this version reads {FORMAT!r}; "
            "upgrade optimem or take the weights that came with it"
        )
    names = [name for name in stored if not name.endswith(SCALE)]
    state = {_own_name(name): _unpacked(stored, name) for name in names}
    symbols = tuple(json.loads(metadata.get(SYMBOLS, "[]")))
    return StoredModel(state, WeightsInfo(metadata["fingerprint"], metadata["renderer"], symbols))


def _metadata(data: bytes) -> dict[str, str]:
    """From the header of a safetensors file: its length in 8 bytes, then JSON."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata: dict[str, str] = header.get("__metadata__", {})
    return metadata


def _stored_name(name: str) -> str:
    for start, stored in STORED_NAMES.items():
        if name.startswith(start):
            return stored + name.removeprefix(start)
    return name


def _own_name(stored: str) -> str:
    for own, start in STORED_NAMES.items():
        if stored.startswith(start):
            return own + stored.removeprefix(start)
    return stored


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


def _unpacked(stored: dict[str, Tensor], name: str) -> Tensor:
    value = stored[name].float()
    return value * stored[name + SCALE].float()[..., None] if name + SCALE in stored else value
