"""Export a run's weights for shipping.

    python -m optimem.training.export --run runs/nano --text books.txt chat.txt code.txt

Before they are written, two things are fitted on freshly mixed training pages: the prior of each
tier, so that its tokens cost as few bytes as possible, and a temperature per tier, so that the
model's probabilities are calibrated.
"""

import argparse
from collections.abc import Sequence
from math import log
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from optimem.model.nano.model import CLASSES, NanoModel
from optimem.model.nano.sizes import LEAST_SPREAD, TIERS
from optimem.model.nano.token_coding import ROUNDING_VARIANCE
from optimem.model.nano.weights import save_weights
from optimem.model.nano.weights_file import WeightsInfo, shipped_weights
from optimem.protocols import Cells
from optimem.renderers.dense import DenseRenderer
from optimem.renderers.spellings import renderer_of
from optimem.tiers import Tier
from optimem.training import CHECKPOINT
from optimem.training.objective import Objective, config_for
from optimem.training.pages import PageMixer
from optimem.training.train import load_sources
from optimem.training.trainer import autocast

SEED = 1
PRIOR_TOKENS = 10_000  # that a prior is fitted on, at least
BATCH = 4  # pages
CLASS_ROUNDS = 8
CLASS_DOUBT = 20.0  # tokens of a class that count as much as what all tokens are like
LEAST_VARIANCE = 0.03
TEMPERATURES = np.geomspace(0.5, 3.0, 37)


def export(checkpoint: Path, texts: Sequence[str], pages: int, out: Path) -> WeightsInfo:
    """Fit priors, and temperatures on `pages` pages per tier, and write the weights."""
    model, renderer = load_run(checkpoint)
    sources, weights = load_sources(texts, renderer)
    mixer = PageMixer(renderer, sources, weights, np.random.default_rng(SEED))
    for tier in Tier:
        cells = mixer.batch(max(pages, PRIOR_TOKENS // tier.tokens))
        levels = quantised(model, cells, renderer, tier)
        fit_prior(model, levels, tier)
        temperature = fit_temperature(model, levels[:pages], cells[:pages], tier)
        print(f"{tier.label}: temperature {temperature:.2f}", flush=True)
    return save_weights(model, renderer.version, renderer.alphabet.symbols, out)


def load_run(checkpoint: Path) -> tuple[NanoModel, DenseRenderer]:
    """The model of a training run, without its auxiliary heads, and the renderer of its pages.
    Raises FormatError if this version of optimem cannot draw them."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)
    renderer = renderer_of(state["renderer"], checkpoint)
    objective = Objective(config_for(renderer.alphabet))
    objective.load_state_dict(state["model"])
    return objective.model.eval(), renderer


def quantised(model: NanoModel, cells: Cells, renderer: DenseRenderer, tier: Tier) -> Tensor:
    """Vision tokens in whole numbers (B, N, K) of pages of cells (B, 12,800)."""
    levels = []
    for start in range(0, len(cells), BATCH):
        drawn = [renderer.draw(page, tier) for page in cells[start : start + BATCH]]
        images = torch.from_numpy(np.stack(drawn))
        with torch.no_grad(), autocast(images.device):
            levels.append(model.encode(images, tier))
    return torch.cat(levels)


@torch.no_grad()
def fit_prior(model: NanoModel, levels: Tensor, tier: Tier) -> None:
    """Set a tier's prior to what its tokens are like: sort them into classes, measure these, and
    sort again. Spreads leave out the variance of rounding."""
    bottleneck, index, k = model.bottleneck, TIERS.index(tier), model.bottleneck.stored_dims[tier]
    values = levels.float().flatten(0, 1)  # (tokens, K)
    squares = (values - values.mean(0)) ** 2
    classes = _by_size(squares)
    for _ in range(CLASS_ROUNDS):
        variance, share = _class_variances(squares, classes)
        cost = (squares @ (1 / variance).T + variance.log().sum(1)) / 2  # (tokens, classes)
        classes = (cost - share.log()).argmin(1)
    spread = (variance - ROUNDING_VARIANCE).clamp_min(LEAST_SPREAD**2).sqrt()
    bottleneck.mean[index, :k] = values.mean(0)
    bottleneck.log_spread[index, :, :k] = spread.log()
    bottleneck.log_spread[index, :, k:] = log(LEAST_SPREAD)
    bottleneck.log_share[index] = share.log()


def _by_size(squares: Tensor) -> Tensor:
    """Tokens (tokens,) in classes of equal number, by how far their values are from the mean."""
    size = (squares / squares.mean(0).clamp_min(ROUNDING_VARIANCE)).mean(1)
    return size.argsort().argsort() * CLASSES // len(squares)


def _class_variances(squares: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Variance (classes, K), with that of rounding, and share of the tokens (classes,). Where a
    class has few tokens, it leans on the variance of all, enlarged to the class's size."""
    overall = squares.mean(0)
    count = classes.bincount(minlength=CLASSES)
    sums = torch.zeros(CLASSES, squares.shape[1]).index_add(0, classes, squares)
    own = sums / count.clamp_min(1)[:, None]
    size = (own.mean(1) / overall.mean()).clamp_min(0.01)[:, None]
    doubt = (CLASS_DOUBT / (count + CLASS_DOUBT))[:, None]
    variance = (1 - doubt) * own + doubt * size * overall
    return variance.clamp_min(LEAST_VARIANCE), (count + 1) / (count + 1).sum()


@torch.no_grad()
def fit_temperature(model: NanoModel, levels: Tensor, cells: Cells, tier: Tier) -> float:
    """Set the temperature under which the pages are likeliest, and return it."""
    readout = model.readout(tier)
    with autocast(levels.device):
        tokens = model.bottleneck.restore(levels, tier)
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
    parser.add_argument(
        "--pages", type=int, default=12, help="pages per tier for temperatures (%(default)s)"
    )
    parser.add_argument("--out", type=Path, default=shipped_weights(), help="(%(default)s)")
    args = parser.parse_args()
    info = export(args.run / CHECKPOINT, args.text, args.pages, args.out)
    print(f"{args.out}: {info.fingerprint}, for pages of {info.renderer}")


if __name__ == "__main__":
    main()
