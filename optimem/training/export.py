"""Write a run's reader as shippable weights: `python -m optimem.training.export --help`.

Before writing, two things are fitted on freshly mixed training pages: the prior of each tier,
so that tokens cost as few bytes as they can, and a temperature per tier, so that the
probabilities of the shipped reader mean what they say.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from optimem.model.config import NANO
from optimem.model.nano.model import LEAST_SPREAD, TIERS, Reader
from optimem.model.nano.weights import Origin, save_weights, shipped_weights
from optimem.protocols import Cells
from optimem.renderers.dense import DenseRenderer
from optimem.tiers import Tier
from optimem.training.objective import Objective
from optimem.training.pages import PageMixer
from optimem.training.train import autocast, load_sources

TEMPERATURES = np.geomspace(0.5, 3.0, 37)


@torch.no_grad()
def log_likelihood(reader: Reader, features: Tensor, target: Tensor, tier: Tier) -> float:
    """Mean log-likelihood of the cells at the tier's present temperature."""
    head = reader.readout(tier).symbol
    with autocast(features.device):
        return -float(head.loss(features, target))


def encoded(reader: Reader, cells: Cells, renderer: DenseRenderer, tier: Tier) -> Tensor:
    """Whole-numbered tokens (B, g², C) of pages of cells."""
    images = torch.from_numpy(np.stack([renderer.draw(page, tier) for page in cells]))
    with torch.no_grad(), autocast(images.device):
        return reader.encode(images, tier)


@torch.no_grad()
def fit_prior(reader: Reader, steps: Tensor, tier: Tier) -> None:
    """Set a tier's means and spreads to those of its tokens; rounding adds 1/12 of variance."""
    values, bottleneck = steps.float().flatten(0, 1), reader.bottleneck
    index = TIERS.index(tier)
    bottleneck.mean[index] = values.mean(0)
    spread = (values.var(0) - 1 / 12).clamp_min(LEAST_SPREAD**2).sqrt()
    bottleneck.log_spread[index] = spread.log()


@torch.no_grad()
def fit_temperature(reader: Reader, steps: Tensor, cells: Cells, tier: Tier) -> float:
    """The temperature under which the pages are likeliest; it is left set."""
    readout = reader.readout(tier)
    with autocast(steps.device):
        tokens = reader.bottleneck.restore(steps.float(), tier)
        features = readout(reader.decode(tokens, tier)).flatten(0, 1)
    target = torch.from_numpy(cells.astype(np.int64)).flatten()
    scores = []
    for temperature in TEMPERATURES:
        readout.symbol.temperature.fill_(temperature)
        scores.append(log_likelihood(reader, features, target, tier))
    best = float(TEMPERATURES[int(np.argmax(scores))])
    readout.symbol.temperature.fill_(best)
    return best


def load_run(checkpoint: Path) -> Reader:
    """The reader of a training run, without its auxiliary heads."""
    model = Objective(NANO)
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)["model"]
    model.load_state_dict(state, strict=False)
    return model.reader.eval()


def export(checkpoint: Path, texts: Sequence[str], pages: int, out: Path) -> Origin:
    """Fit priors and temperatures, and write."""
    renderer = DenseRenderer()
    sources, weights = load_sources(texts, renderer)
    mixer = PageMixer(renderer, sources, weights, np.random.default_rng(1))
    reader = load_run(checkpoint)
    for tier in Tier:
        cells = mixer.batch(pages)
        steps = encoded(reader, cells, renderer, tier)
        fit_prior(reader, steps, tier)
        print(f"{tier.label}: temperature {fit_temperature(reader, steps, cells, tier):.2f}")
    return save_weights(reader, NANO, renderer.version, out)


def main() -> None:
    parser = argparse.ArgumentParser(prog="optimem.training.export", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--text", nargs="+", required=True, help="training files to calibrate on")
    parser.add_argument("--pages", type=int, default=12, help="pages per tier to fit on")
    parser.add_argument("--out", type=Path, default=shipped_weights())
    args = parser.parse_args()
    print(export(args.run / "checkpoint.pt", args.text, args.pages, args.out))


if __name__ == "__main__":
    main()
