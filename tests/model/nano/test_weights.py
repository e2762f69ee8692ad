"""Weights files: written, read, and refused."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from optimem.errors import FormatError, VersionError
from optimem.model.nano.model import NanoConfig, NanoModel
from optimem.model.nano.weights import SCALE, load_weights, save_weights, shipped_weights


def test_weights_come_back_and_others_are_refused(tmp_path: Path) -> None:
    model = NanoModel(NanoConfig())
    path = tmp_path / "w.safetensors"
    info = save_weights(model, "dense-x", path)
    again = NanoModel(NanoConfig())
    assert load_weights(again, path) == info
    for (name, a), b in zip(model.state_dict().items(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-2, rtol=1e-2, msg=name)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FormatError, match="cannot be read as a weights file"):
        load_weights(again, path)


def test_a_file_has_the_names_of_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(NanoModel(NanoConfig()), "dense-x", path)
    with safe_open(path, "pt") as ours, safe_open(shipped_weights(), "pt") as shipped:
        assert set(ours.keys()) == set(shipped.keys())
        assert {"encoder.globals.norm.weight", "decoder.norm.weight"} < set(ours.keys())
        assert ours.get_tensor("bottleneck.mean").dtype is torch.float32
        packed = "encoder.projector.weight"
        assert ours.get_tensor(packed).dtype is torch.int8
        assert ours.get_tensor(packed + SCALE).shape == ours.get_tensor(packed).shape[:1]


def test_the_shipped_weights_are_those_released() -> None:
    info = load_weights(NanoModel(NanoConfig()), shipped_weights())
    assert info.fingerprint == "nano-427a26d03610afa7"


def test_another_size_of_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(NanoModel(NanoConfig(decoder_depth=1)), "dense-x", path)
    with pytest.raises(FormatError, match="does not fit this model"):
        load_weights(NanoModel(NanoConfig()), path)


def test_a_newer_format_of_weights_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2)}, path, {"format": "optimem-reader-9"})
    with pytest.raises(VersionError, match="optimem-reader-9"):
        load_weights(NanoModel(NanoConfig()), path)


def test_the_shipped_weights_are_small() -> None:
    assert shipped_weights().stat().st_size <= 40_000_000
