"""How well held-out pages are read: `python -m optimem.training.evaluate --help`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from optimem.model.nano.model import Reader
from optimem.protocols import Cells
from optimem.renderers.dense import CAPACITY, DenseRenderer
from optimem.tiers import Tier
from optimem.training.pages import Noise, text_cells

NOISE_SEED = 5


def held_out_pages(paths: list[Path], renderer: DenseRenderer, pages: int) -> dict[str, Cells]:
    """Full pages (pages, 12,800) by the name of the file, and `noise`."""
    found: dict[str, Cells] = {}
    for path in paths:
        cells = text_cells(path, renderer)
        count = min(len(cells) // CAPACITY, pages)
        step = max((len(cells) - CAPACITY) // max(count, 1), 1)
        found[path.name.split(".")[0]] = np.stack(
            [cells[i * step : i * step + CAPACITY] for i in range(count)]
        )
    rng = np.random.default_rng(NOISE_SEED)
    noise = Noise(renderer, next(iter(found.values()))[0])
    kinds = (noise.random_printable, noise.identifiers, noise.uuids)
    found["noise"] = np.stack([kind(rng, CAPACITY)[:CAPACITY] for kind in kinds])
    found["rare"] = np.stack([noise.rare(rng, CAPACITY)])
    return found


@torch.no_grad()
def evaluate(
    reader: Reader, pages: Mapping[str, Cells], renderer: DenseRenderer
) -> dict[str, dict[str, Any]]:
    """Share of cells read right from rounded tokens, and bits a cell, by tier and kind."""
    reader.eval()
    device = next(reader.parameters()).device
    scores: dict[str, dict[str, Any]] = {}
    for tier in reversed(Tier):
        scores[tier.label] = {}
        for name, cells in pages.items():
            images = np.stack([renderer.draw(page, tier) for page in cells])
            with torch.autocast(device.type, torch.bfloat16):
                steps = reader.encode(torch.from_numpy(images).to(device), tier)
                symbols, _ = reader.read(steps, tier)
            right = (symbols.cpu().numpy() == cells).mean()
            bits = reader.bottleneck.bits(steps.float(), tier).sum() / cells.size
            scores[tier.label][name] = [round(float(right), 5), round(float(bits), 2)]
    return scores
