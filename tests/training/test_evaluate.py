"""Held-out pages, and how well they are read."""

from pathlib import Path

import numpy as np

from optimem.model.nano.model import NanoModel
from optimem.model.nano.sizes import NanoConfig
from optimem.model.nano.weights import load_weights
from optimem.model.nano.weights_file import WeightsFile, shipped_weights
from optimem.renderers.dense import CAPACITY, DenseRenderer
from optimem.tiers import Tier
from optimem.training.evaluate import evaluate, held_out_pages

RENDERER = DenseRenderer()


def test_held_out_pages_are_full_and_repeatable(tmp_path: Path) -> None:
    path = tmp_path / "log.val.txt"
    path.write_text("".join(f"Entry {n}: the boats came in. " for n in range(2000)))
    pages = held_out_pages([path], RENDERER, 2)
    again = held_out_pages([path], RENDERER, 2)
    assert {kind: cells.shape for kind, cells in pages.items()} == {
        "log": (2, CAPACITY),
        "noise": (3, CAPACITY),
        "rare": (1, CAPACITY),
    }
    assert all(np.array_equal(cells, again[kind]) for kind, cells in pages.items())
    assert not np.array_equal(*pages["log"])


def test_the_shipped_model_reads_held_out_text() -> None:
    model = NanoModel(NanoConfig())
    load_weights(model, WeightsFile.load(shipped_weights()))
    cells = np.zeros((1, CAPACITY), np.uint16)
    text = RENDERER.cells("Thirty boats came in before the storm. " * 300)
    cells[0, : len(text)] = text
    scores = evaluate(model, {"log": cells}, RENDERER)
    assert list(scores) == [tier.label for tier in reversed(Tier)]
    right, bits = scores["large"]["log"]
    assert right > 0.99
    assert 1 < bits < 60
    assert not model.training
