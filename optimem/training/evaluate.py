"""How well a model in training reads held-out pages: the figures in a run's log."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from optimem.model.nano.model import NanoModel
from optimem.protocols import Cells
from optimem.renderers.dense import CAPACITY, DenseRenderer
from optimem.tiers import Tier
from optimem.training.pages import Noise, text_cells

NOISE_SEED = 5


def held_out_pages(paths: list[Path], renderer: DenseRenderer, pages: int) -> dict[str, Cells]:
    """At most `pages` full pages (pages, 12,800) of each file, by the start of its name; three
    pages of `noise` and one of `rare` symbols."""
    found: dict[str, Cells] = {}
    for path in paths:
        cells = text_cells(path, renderer)
        count = min(len(cells) // CAPACITY, pages)
        stride = max((len(cells) - CAPACITY) // max(count, 1), 1)
        found[path.name.split(".")[0]] = np.stack(
            [cells[i * stride : i * stride + CAPACITY] for i in range(count)]
        )
    rng = np.random.default_rng(NOISE_SEED)
    noise = Noise(renderer, next(iter(found.values()))[0])
    kinds = (noise.random_printable, noise.identifiers, noise.uuids)
    found["noise"] = np.stack([kind(rng, CAPACITY)[:CAPACITY] for kind in kinds])
    found["rare"] = np.stack([noise.rare(rng, CAPACITY)])
    return found


@torch.no_grad()
def evaluate(
    model: NanoModel,
    pages: Mapping[str, Cells],
    renderer: DenseRenderer,
    tiers: Iterable[Tier] = tuple(reversed(Tier)),
) -> dict[str, dict[str, Any]]:
    """By tier and kind of page: the share of cells read right from rounded tokens, and bits a
    cell. Leaves the model in evaluation mode."""
    model.eval()
    device = next(model.parameters()).device
    scores: dict[str, dict[str, Any]] = {}
    for tier in tiers:
        scores[tier.label] = {}
        for kind, cells in pages.items():
            images = np.stack([renderer.draw(page, tier) for page in cells])
            with torch.autocast(device.type, torch.bfloat16):
                levels = model.encode(torch.from_numpy(images).to(device), tier)
                symbols, _ = model.read(levels, tier)
            right = (symbols.cpu().numpy() == cells).mean()
            bits = model.bottleneck.bits(levels.float(), tier).sum() / cells.size
            scores[tier.label][kind] = [round(float(right), 5), round(float(bits), 2)]
    return scores
