"""Weights files: written, read, and refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
import zstandard
from safetensors.torch import load, save

from optimem.errors import FormatError, VersionError
from optimem.model.nano.model import NanoModel
from optimem.model.nano.reading import LightReader
from optimem.model.nano.sizes import NanoConfig
from optimem.model.nano.weights import load_weights, save_weights
from optimem.model.nano.weights_file import SCALE, WeightsFile, shipped_weights
from optimem.tiers import Tier

SYMBOLS = ("a", "<lead 00>", "\n")


def test_weights_come_back(tmp_path: Path) -> None:
    model = NanoModel(NanoConfig())
    path = tmp_path / "w.safetensors.zst"
    info = save_weights(model, "dense-x", SYMBOLS, path)
    again = NanoModel(NanoConfig())
    file = WeightsFile.load(path)
    load_weights(again, file)
    assert file.info == info
    assert info.symbols == SYMBOLS
    for (name, a), b in zip(model.state_dict().items(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-2, rtol=1e-2, msg=name)


@pytest.mark.parametrize(
    "data",
    [b"", b"no zstd frame", zstandard.compress(b""), zstandard.compress(b"{}" * 50)],
)
def test_what_is_no_weights_file_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "w.safetensors.zst"
    path.write_bytes(data)
    with pytest.raises(FormatError, match="cannot be read as a weights file"):
        WeightsFile.load(path)


def test_a_file_that_was_cut_short_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors.zst"
    path.write_bytes(shipped_weights().read_bytes()[:5000])
    with pytest.raises(FormatError, match="cannot be read as a weights file"):
        WeightsFile.load(path)


def test_a_file_without_metadata_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors.zst"
    path.write_bytes(zstandard.compress(save({"a": torch.zeros(2)})))
    with pytest.raises(VersionError, match="has format None"):
        WeightsFile.load(path)


def test_a_file_has_the_names_of_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors.zst"
    save_weights(NanoModel(NanoConfig()), "dense-x", SYMBOLS, path)
    ours, shipped = (
        load(zstandard.decompress(each.read_bytes())) for each in (path, shipped_weights())
    )
    assert {name: (t.dtype, t.shape) for name, t in ours.items()} == {
        name: (t.dtype, t.shape) for name, t in shipped.items()
    }
    assert {"encoder.globals.norm.weight", "decoder.norm.weight"} < set(ours)
    assert ours["bottleneck.mean"].dtype is torch.float32
    assert ours["bottleneck.bases.tiny.weight"].dtype is torch.float16
    packed = "encoder.projector.weight"
    assert ours[packed].dtype is torch.int8
    assert ours[packed + SCALE].shape == ours[packed].shape[:1]


def test_the_shipped_weights_are_those_released() -> None:
    assert WeightsFile.load(shipped_weights()).info.fingerprint == "nano-3ee608e09e7be700"


def test_another_size_of_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors.zst"
    save_weights(NanoModel(NanoConfig(decoder_depth=1)), "dense-x", SYMBOLS, path)
    file = WeightsFile.load(path)
    with pytest.raises(FormatError, match="does not fit this model"):
        load_weights(NanoModel(NanoConfig()), file)
    with pytest.raises(FormatError, match="does not fit this model"):
        LightReader(file).read(np.zeros((1, 36, 460), np.int16), Tier.TRACE)


def test_a_newer_format_of_weights_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors.zst"
    data = save({"a": torch.zeros(2)}, {"format": "optimem-reader-9"})
    path.write_bytes(zstandard.compress(data))
    with pytest.raises(VersionError, match="optimem-reader-9"):
        WeightsFile.load(path)


def test_the_shipped_weights_are_small() -> None:
    assert shipped_weights().stat().st_size <= 40_000_000
