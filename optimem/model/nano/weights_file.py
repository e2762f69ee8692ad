"""A weights file as it is read: a safetensors file in a zstd frame, in numpy.

Importing this file does not load torch. Knows the names and the form of the parameters, not what
they are for; `weights` writes such files.
"""

import json
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import numpy as np
import zstandard
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from optimem.errors import FingerprintError, FormatError, VersionError
from optimem.model.nano.sizes import NanoConfig

FORMAT = "optimem-reader-2"
SCALE = ".scale"
SYMBOLS = "symbols"
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


@dataclass(frozen=True)
class WeightsFile:
    """A file in memory. `config`: the sizes of the network for its alphabet; `arrays`: as stored,
    by the names in the file."""

    path: Path
    info: WeightsInfo
    config: NanoConfig
    arrays: dict[str, NDArray[Any]]

    @classmethod
    def load(cls, path: Path, renderer: str = "") -> Self:
        """Read a file. Raises FormatError or VersionError, naming it, and FingerprintError if it
        was not trained for pages of `renderer`, by default of any."""
        try:
            data = zstandard.decompress(path.read_bytes())
            arrays, metadata = load(data), _metadata(data)
        except (OSError, zstandard.ZstdError, SafetensorError) as error:
            raise FormatError(f"{path} cannot be read as a weights file: {error}") from error
        if metadata.get("format") != FORMAT:
            raise VersionError(
                f"{path} has format {metadata.get('format')!r}, this version reads {FORMAT!r}; "
                "upgrade optimem or take the weights that came with it"
            )
        symbols = tuple(json.loads(metadata.get(SYMBOLS, "[]")))
        info = WeightsInfo(metadata["fingerprint"], metadata["renderer"], symbols)
        if renderer not in ("", info.renderer):
            raise FingerprintError(
                f"{path} reads pages of {info.renderer}, not of {renderer}; "
                "install the optimem release they came with"
            )
        sizes = json.loads(metadata["config"])
        config = replace(NanoConfig(), symbols=sizes["symbols"], common=sizes["common"])
        return cls(path, info, config, arrays)

    @property
    def names(self) -> list[str]:
        """All parameters, by their names in `NanoModel`."""
        return [own_name(name) for name in self.arrays if not name.endswith(SCALE)]

    def array(self, name: str) -> NDArray[np.float32]:
        """A parameter by its name in `NanoModel`. Raises FormatError if there is none."""
        stored = stored_name(name)
        if stored not in self.arrays:
            raise FormatError(f"{self.path} does not fit this model: {name} is missing")
        value: NDArray[np.float32] = self.arrays[stored].astype(np.float32)
        scale = self.arrays.get(stored + SCALE)
        return value if scale is None else value * scale.astype(np.float32)[..., None]


def shipped_weights() -> Path:
    """The file of `optimem-nano` inside the package."""
    return Path(str(files("optimem.model.nano").joinpath(SHIPPED)))


def stored_name(name: str) -> str:
    """A parameter's name in a file, from that in `NanoModel`."""
    for start, stored in STORED_NAMES.items():
        if name.startswith(start):
            return stored + name.removeprefix(start)
    return name


def own_name(stored: str) -> str:
    """The inverse of `stored_name`."""
    for own, start in STORED_NAMES.items():
        if stored.startswith(start):
            return own + stored.removeprefix(start)
    return stored


def _metadata(data: bytes) -> dict[str, str]:
    """From the header of a safetensors file: its length in 8 bytes, then JSON."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata: dict[str, str] = header.get("__metadata__", {})
    return metadata
