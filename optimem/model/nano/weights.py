"""Weights on disk: one safetensors file, matrices as int8 with a scale per row.

The file's metadata says which configuration, alphabet and renderer they were trained for.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from optimem.errors import FormatError, VersionError
from optimem.model.config import ReaderConfig

FORMAT = "optimem-reader-1"
SCALE = ".scale"
EXACT = "bottleneck."
SMALLEST_MATRIX = 4096  # elements; below it a tensor stays as it is
SHIPPED = "weights/optimem-nano.safetensors"


@dataclass(frozen=True)
class Origin:
    """What a weights file is: `fingerprint` names it, `renderer` is the style it reads."""

    fingerprint: str
    renderer: str


def shipped_weights() -> Path:
    """The file of `optimem-nano` inside the package."""
    return Path(str(files("optimem.model.nano").joinpath(SHIPPED)))


def pack(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix (R, C) as int8 and a scale (R,) fp16."""
    scale = (matrix.abs().amax(1).clamp_min(1e-8) / 127).half()
    return (matrix / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8), scale


def save_weights(model: nn.Module, config: ReaderConfig, renderer: str, path: Path) -> Origin:
    """Write a reader's weights."""
    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        if value.ndim == 2 and value.numel() >= SMALLEST_MATRIX and EXACT not in name:
            tensors[name], tensors[name + SCALE] = pack(value.float())
        else:
            exact = EXACT in name  # what the token coder depends on
            tensors[name] = (value.float() if exact else value.half()).contiguous()
    digest = blake2b(digest_size=8)
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].numpy().tobytes())
    origin = Origin(f"nano-{digest.hexdigest()}", renderer)
    described = json.dumps(asdict(config), default=str)
    metadata = {"format": FORMAT, "config": described, **asdict(origin)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)
    path.chmod(0o644)
    return origin


def load_weights(model: nn.Module, path: Path) -> Origin:
    """Fill a reader from a file. Raises FormatError or VersionError, naming the file."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            names = set(file.keys())
            stored = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError) as error:
        raise FormatError(f"{path} is no readable weights file: {error}") from error
    if metadata.get("format") != FORMAT:
        raise VersionError(
            f"{path} has format {metadata.get('format')!r}, this version reads {FORMAT!r}; "
            "upgrade optimem or take the weights that came with it"
        )
    plain = {name for name in names if not name.endswith(SCALE)}
    state = {name: _unpacked(stored, name) for name in plain}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise FormatError(f"{path} does not fit this model: {error}") from error
    return Origin(metadata["fingerprint"], metadata["renderer"])


def _unpacked(stored: dict[str, Tensor], name: str) -> Tensor:
    value = stored[name]
    if name + SCALE in stored:
        return value.float() * stored[name + SCALE].float()[:, None]
    return value.float()
