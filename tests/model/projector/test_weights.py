"""A projector's file: there and back, and what is refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from optimem.errors import (
    FingerprintError,
    FormatError,
    InputError,
    OptimemError,
    TierError,
    VersionError,
)
from optimem.model.projector.network import Projector, ProjectorConfig
from optimem.model.projector.weights import ProjectorFile, TrainedFor
from optimem.tiers import Tier

CONFIG = ProjectorConfig(features=3, width=10, cells=4, margin=2, hidden=7)
KNOWN = TrainedFor("nano-a", Tier.SMALL, "llm-b")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "projector.safetensors"
    ProjectorFile(Projector(CONFIG, 0.3), KNOWN).save(path)
    return path


def test_what_was_saved_is_read(path: Path) -> None:
    torch.manual_seed(1)
    projector = Projector(CONFIG, 0.3)
    ProjectorFile(projector, KNOWN).save(path)
    read = ProjectorFile.load(path)
    assert read.trained_for == KNOWN
    assert read.projector.config == CONFIG
    features = torch.randn(9, 3)
    assert torch.allclose(read.projector.project(features), projector.project(features), atol=1e-2)


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_file_cut_short_is_named(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FormatError, match="cannot be read as a projector"):
        ProjectorFile.load(path)


def test_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        ProjectorFile.load(tmp_path / "none")
    with pytest.raises(InputError, match="there is no file"):
        ProjectorFile.load(tmp_path)


def test_another_safetensors_file_is_no_projector(path: Path) -> None:
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(VersionError, match="has format None"):
        ProjectorFile.load(path)


@pytest.mark.parametrize(
    "changed",
    [
        {"config": "{"},
        {"config": json.dumps({"features": 3, "width": 10, "depth": 2})},
        {"config": json.dumps({"features": 3, "width": 11, "cells": 4, "margin": 2, "hidden": 7})},
        {"tier": "huge"},
    ],
)
def test_what_a_file_says_of_itself_is_checked(path: Path, changed: dict[str, str]) -> None:
    state = Projector(CONFIG).state_dict()
    told = {"format": "optimem-projector-1", "encoder": "a", "tier": "small", "llm": "b",
            "config": json.dumps(vars(CONFIG))}  # fmt: skip
    save_file(state, path, {**told, **changed})
    with pytest.raises(FormatError, match="says of itself what cannot be"):
        ProjectorFile.load(path)


def test_another_model_or_tier_is_refused() -> None:
    KNOWN.check_pages("nano-a", Tier.SMALL)
    KNOWN.check_llm("llm-b")
    refused: list[tuple[type[OptimemError], tuple[str, Tier]]] = [
        (FingerprintError, ("nano-z", Tier.SMALL)),
        (TierError, ("nano-a", Tier.LARGE)),
    ]
    for error, pages in refused:
        with pytest.raises(error, match="the projector was trained"):
            KNOWN.check_pages(*pages)
    with pytest.raises(FingerprintError, match="'llm-z'"):
        KNOWN.check_llm("llm-z")
