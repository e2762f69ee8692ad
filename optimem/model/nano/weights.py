"""Weights on disk: a safetensors file in a zstd frame, large matrices as int8 with row scales.

The frame saves a tenth, since the values of a row spread like a Gaussian. The metadata names the
weights, the configuration and the renderer that they were trained for. The priors stay fp32,
because the range coder must see the same numbers everywhere.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path

import torch
import zstandard
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from optimem.errors import FormatError, VersionError
from optimem.model.nano.model import NanoModel

FORMAT = "optimem-reader-2"
ZSTD_LEVEL = 3  # higher ones save nothing more
SCALE = ".scale"
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
    """`fingerprint` names the weights; `renderer` is the version whose pages they read."""

    fingerprint: str
    renderer: str


def shipped_weights() -> Path:
    """The file of `optimem-nano` inside the package."""
    return Path(str(files("optimem.model.nano").joinpath(SHIPPED)))


def save_weights(model: NanoModel, renderer: str, path: Path) -> WeightsInfo:
    """Write a model's weights, trained for pages of a renderer's version."""
    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        tensors |= _packed(_stored_name(name), value)
    digest = blake2b(digest_size=8)
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].numpy().tobytes())
    info = WeightsInfo(f"nano-{digest.hexdigest()}", renderer)
    config = json.dumps(asdict(model.config), default=str)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = save(tensors, {"format": FORMAT, "config": config, **asdict(info)})
    path.write_bytes(zstandard.compress(data, ZSTD_LEVEL))
    path.chmod(0o644)
    return info


def load_weights(model: NanoModel, path: Path) -> WeightsInfo:
    """Fill a model from a file. Raises FormatError or VersionError, naming the file."""
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
    own_names = {_stored_name(name): name for name in model.state_dict()}
    state = {
        own_names.get(name, name): _unpacked(stored, name)
        for name in stored
        if not name.endswith(SCALE)
    }
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise FormatError(f"{path} does not fit this model: {error}") from error
    return WeightsInfo(metadata["fingerprint"], metadata["renderer"])


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
