"""Weights that read as well as the shipped ones and have another fingerprint."""

from pathlib import Path

import torch

from optimem.model.nano.model import NanoModel
from optimem.model.nano.sizes import NanoConfig
from optimem.model.nano.weights import load_weights, save_weights
from optimem.model.nano.weights_file import WeightsFile, shipped_weights


def save_other_weights(path: Path) -> None:
    """Write the shipped weights with one tensor changed slightly."""
    model = NanoModel(NanoConfig())
    file = WeightsFile.load(shipped_weights())
    load_weights(model, file)
    with torch.no_grad():
        model.decoder_norm.weight[0] *= 1.01
    save_weights(model, file.info.renderer, file.info.symbols, path)
