"""Weights that read as well as the shipped ones and have another fingerprint."""

from pathlib import Path

import torch

from optimem.model.nano.model import NanoConfig, NanoModel
from optimem.model.nano.weights import load_weights, save_weights, shipped_weights


def save_other_weights(path: Path) -> None:
    """Write the shipped weights with one tensor changed slightly."""
    model = NanoModel(NanoConfig())
    info = load_weights(model, shipped_weights())
    with torch.no_grad():
        model.decoder_norm.weight[0] *= 1.01
    save_weights(model, info.renderer, info.symbols, path)
