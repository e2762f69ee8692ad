"""Export a run's weights for shipping.

    python -m optimem.training.export --run runs/nano --text books.txt chat.txt code.txt

Before they are written, two things are fitted on freshly mixed training pages: the prior of each
tier, so that its tokens cost as few bytes as possible, and a temperature per tier, so that the
model's probabilities are calibrated.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from optimem.model.nano.model import LEAST_SPREAD, TIERS, NanoConfig, NanoModel
from optimem.model.nano.weights import WeightsInfo, save_weights, shipped_weights
from optimem.protocols import Cells
from optimem.renderers.dense import DenseRenderer
from optimem.tiers import Tier
from optimem.training import CHECKPOINT
from optimem.training.objective import Objective
from optimem.training.pages import PageMixer
from optimem.training.train import autocast, load_sources

SEED = 1
TEMPERATURES = np.geomspace(0.5, 3.0, 37)


def export(checkpoint: Path, texts: Sequence[str], pages: int, out: Path) -> WeightsInfo:
    """Fit priors and temperatures on `pages` pages per tier, and write the weights."""
    renderer = DenseRenderer()
    sources, weights = load_sources(texts, renderer)
    mixer = PageMixer(renderer, sources, weights, np.random.default_rng(SEED))
    model = load_run(checkpoint)
    for tier in Tier:
        cells = mixer.batch(pages)
        levels = quantised(model, cells, renderer, tier)
        fit_prior(model, levels, tier)
        print(f"{tier.label}: temperature {fit_temperature(model, levels, cells, tier):.2f}")
    return save_weights(model, renderer.version, out)


def load_run(checkpoint: Path) -> NanoModel:
    """The model of a training run, without its auxiliary heads."""
    objective = Objective(NanoConfig())
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)["model"]
    objective.load_state_dict(state)
    return objective.model.eval()


def quantised(model: NanoModel, cells: Cells, renderer: DenseRenderer, tier: Tier) -> Tensor:
    """Vision tokens in whole numbers (B, N, C) of pages of cells (B, 12,800)."""
    images = torch.from_numpy(np.stack([renderer.draw(page, tier) for page in cells]))
    with torch.no_grad(), autocast(images.device):
        return model.encode(images, tier)


@torch.no_grad()
def fit_prior(model: NanoModel, levels: Tensor, tier: Tier) -> None:
    """Set a tier's means and spreads to those of its tokens, less the variance of rounding
    (1/12)."""
    values, bottleneck = levels.float().flatten(0, 1), model.bottleneck  # (B · N, C)
    index = TIERS.index(tier)
    bottleneck.mean[index] = values.mean(0)
    spread = (values.var(0) - 1 / 12).clamp_min(LEAST_SPREAD**2).sqrt()
    bottleneck.log_spread[index] = spread.log()


@torch.no_grad()
def fit_temperature(model: NanoModel, levels: Tensor, cells: Cells, tier: Tier) -> float:
    """Set the temperature under which the pages are likeliest, and return it."""
    readout = model.readout(tier)
    with autocast(levels.device):
        tokens = model.bottleneck.restore(levels.float(), tier)
        features = readout(model.decode(tokens)).flatten(0, 1)
    target = torch.from_numpy(cells.astype(np.int64)).flatten()
    losses = []
    for temperature in TEMPERATURES:
        readout.symbol.temperature.fill_(temperature)
        with autocast(features.device):
            losses.append(float(readout.symbol.loss(features, target)))
    best = float(TEMPERATURES[int(np.argmin(losses))])
    readout.symbol.temperature.fill_(best)
    return best


def main() -> None:
    """Parse the arguments, export, and print what was written."""
    parser = argparse.ArgumentParser(
        prog="python -m optimem.training.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--text", nargs="+", required=True, help="training files to fit on")
    parser.add_argument("--pages", type=int, default=12, help="pages per tier (%(default)s)")
    parser.add_argument("--out", type=Path, default=shipped_weights(), help="(%(default)s)")
    args = parser.parse_args()
    print(export(args.run / CHECKPOINT, args.text, args.pages, args.out))


if __name__ == "__main__":
    main()
