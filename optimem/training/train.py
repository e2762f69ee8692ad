"""Train `optimem-nano`, or continue a run.

    python -m optimem.training.train --text a.txt=0.4 b.txt --val held_out.txt --run runs/nano

A run resumes from its folder's checkpoint.pt if there is one, so stop it at any time and give
the same command again. It appends to the folder's log.jsonl and saves every few steps. The
texts are UTF-8 files, plain or .xz. Where other programs use the CPU too, set OMP_NUM_THREADS=1
and give --workers.
"""

import argparse
import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from optimem.model.nano.model import NanoConfig
from optimem.model.nano.weights import load_weights
from optimem.protocols import Cells
from optimem.renderers.dense import DenseRenderer
from optimem.tiers import Tier
from optimem.training import CHECKPOINT, LOG
from optimem.training.crew import Crew
from optimem.training.curriculum import AUXILIARY_UNTIL, Curriculum, TierShare
from optimem.training.evaluate import evaluate, held_out_pages
from optimem.training.objective import Losses, Objective
from optimem.training.optimiser import MuonWithAdamW
from optimem.training.pages import PageMixer, text_cells

CLIP = 1.0  # norm of the gradients
LOG_EVERY = 15  # steps; odd, so that tiers that take part in every second one are seen
HELD_OUT_PAGES = 3  # of each file

Figures = NDArray[np.float64]
"""Losses of a tier for the log, as in `Losses` without the total."""


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """bf16 for the matrix products."""
    return torch.autocast(device.type, torch.bfloat16)


class Trainer:
    """One run: the model, its optimiser, the pages, and the folder that keeps it all.

    `workers`: processes that share each step. Each has a trainer of its own around one model.
    """

    def __init__(
        self,
        run: Path,
        mixer: PageMixer,
        curriculum: Curriculum,
        device: torch.device,
        *,
        lr: float,
        seed: int = 0,
        workers: int = 1,
    ) -> None:
        self.run, self.mixer, self.curriculum, self.device = run, mixer, curriculum, device
        self.lr, self.seed = lr, seed
        self.objective = Objective(NanoConfig()).to(device)
        self.crew = Crew(self.objective, workers)
        self.step, self.seconds = curriculum.first, 0.0
        self.checkpoint = run / CHECKPOINT
        self._optimiser_state: Mapping[str, Any] = {}

    @cached_property
    def optimiser(self) -> MuonWithAdamW:
        """Of this process's parameters, so not to be used before the crew starts."""
        optimiser = MuonWithAdamW(self.crew.own_parameters(), lr=self.lr)
        optimiser.load_state_dict(self._optimiser_state)
        return optimiser

    def start_from(self, weights: Path) -> None:
        """Take the model from a weights file instead of a random one."""
        model = self.objective.model
        load_weights(model, weights)
        for tier in Tier:
            model.readout(tier).symbol.temperature.fill_(1.0)

    def resume(self) -> None:
        """Continue from the checkpoint, if there is one."""
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=False)
        self.objective.load_state_dict(state["model"])
        self._optimiser_state = state["optimiser"]
        self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        """Write the checkpoint; a crash half-way leaves the last one intact."""
        optimisers = self.crew.gather(self.optimiser.state_dict())
        if self.crew.rank:
            return
        state = {
            "model": self.objective.state_dict(),
            "optimiser": {name: each for one in optimisers for name, each in one.items()},
            "step": self.step,
            "seconds": self.seconds,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint)

    def train(self, steps: int, save_every: int, held_out: Mapping[str, Cells]) -> None:
        """Train until `steps`; evaluate and save every `save_every` steps and at the end."""
        self.crew.start(lambda: self._train(steps, save_every, held_out))

    def _train(self, steps: int, save_every: int, held_out: Mapping[str, Cells]) -> None:
        self.objective.train()
        while self.step < steps:
            started = time.monotonic()
            losses = self.train_step()
            seconds = time.monotonic() - started
            self.seconds += seconds
            if self.step % LOG_EVERY == 0:
                self._log_losses(losses, seconds)
            if self.step % save_every == 0 or self.step == steps:
                self.save()
                self._log_scores(held_out)
                self.objective.train()

    def train_step(self) -> dict[str, Figures]:
        """One step: the gradients of every tier that takes part in it. Returns what this process
        did: for each tier its part of `Losses`, without the total."""
        plan = self.curriculum
        shares = plan.shares(self.step) if self.crew.size == 1 else plan.tasks(self.step)
        self.crew.zero_gradients()
        losses: dict[str, Figures] = {}
        for task in self.crew.tasks(len(shares)):
            label, weight = shares[task].tier.label, shares[task].weight
            figures = np.array(self._backward(shares[task], task)[1:])
            losses[label] = losses.get(label, 0.0) + weight * figures
        self.crew.sum_gradients(CLIP)
        self.optimiser.step(plan.lr_scale(self.step))
        self.crew.wait()
        self.step += 1
        return losses

    def _backward(self, share: TierShare, task: int) -> Losses:
        """Add up gradients. Pages and noise depend only on the seed, the step and the task."""
        self.mixer.rng = np.random.default_rng((self.seed, self.step, task))
        torch.manual_seed(int(self.mixer.rng.integers(1 << 62)))
        cells = self.mixer.batch(share.pages)
        images = self._images(cells, share.tier)
        target = torch.from_numpy(cells.astype(np.int64)).to(self.device)
        with autocast(self.device):
            losses: Losses = self.objective(
                images,
                target,
                share.tier,
                auxiliary=share.auxiliary,
                price=share.price,
            )
        (share.weight * losses.total).backward()
        return losses

    def _images(self, cells: Cells, tier: Tier) -> Tensor:
        """Ink (B, S, S) of pages of cells (B, 12,800)."""
        images = np.stack([self.mixer.renderer.draw(page, tier) for page in cells])
        return torch.from_numpy(images).to(self.device)

    def _log_losses(self, losses: dict[str, Figures], seconds: float) -> None:
        """What all processes did in a step."""
        totals: dict[str, Figures] = {}
        for part in self.crew.gather(losses):
            for tier, figures in part.items():
                totals[tier] = totals.get(tier, 0.0) + figures
        rounded = {tier: figures.round(4).tolist() for tier, figures in totals.items()}
        self.log(step_seconds=round(seconds, 2), **rounded)

    def _log_scores(self, held_out: Mapping[str, Cells]) -> None:
        """How held-out pages are read; processes divide the tiers."""
        tiers = list(reversed(Tier))[self.crew.rank :: self.crew.size]
        scores = evaluate(self.objective.model, held_out, self.mixer.renderer, tiers)
        parts = self.crew.gather(scores)
        self.log(held_out={tier: score for part in parts for tier, score in part.items()})

    def log(self, **fields: Any) -> None:
        """Append a line to the log, and print it. Only rank 0 does."""
        if self.crew.rank:
            return
        line = json.dumps({"step": self.step, "seconds": round(self.seconds), **fields})
        with (self.run / LOG).open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)


def load_sources(texts: Iterable[str], renderer: DenseRenderer) -> tuple[list[Cells], list[float]]:
    """Cells and weight of each `FILE` or `FILE=WEIGHT`. A weight, default 1, is relative: how
    often pieces of text come from that file."""
    sources, weights = [], []
    for text in texts:
        path, _, weight = text.partition("=")
        sources.append(text_cells(Path(path), renderer))
        weights.append(float(weight or 1))
        print(f"{path}: {len(sources[-1]):,} cells", flush=True)
    return sources, weights


def arguments() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m optimem.training.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--text", nargs="+", required=True, metavar="FILE[=WEIGHT]", help="training files")
    add("--val", nargs="+", required=True, type=Path, metavar="FILE", help="held-out files")
    add("--run", required=True, type=Path, metavar="FOLDER", help="folder of the run")
    add("--steps", type=int, default=6000, help="train until this step (%(default)s)")
    add("--init", type=Path, metavar="FILE", help="weights to start from, such as the shipped ones")
    add("--lr", type=float, default=3e-3, help="learning rate (%(default)s)")
    add(
        "--cooldown",
        type=float,
        default=0.25,
        help="last share of the steps, over which the learning rate falls (%(default)s)",
    )
    add("--save-every", type=int, default=200, help="steps between checkpoints (%(default)s)")
    add("--batch", type=float, default=1.0, help="factor for the pages of a step (%(default)s)")
    add("--seed", type=int, default=0, help="of weights and pages (%(default)s)")
    add("--workers", type=int, default=1, help="processes that share a step (%(default)s)")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    add("--device", default=device, help="torch device (%(default)s)")
    return parser


def main() -> None:
    """Parse the arguments and train."""
    parser = arguments()
    args = parser.parse_args()
    if args.workers < 1 or (args.workers > 1 and args.device != "cpu"):
        parser.error(
            f"--workers {args.workers} with --device {args.device}: at least 1, and more "
            "than 1 only with --device cpu"
        )
    args.run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    renderer = DenseRenderer()
    sources, weights = load_sources(args.text, renderer)
    mixer = PageMixer(renderer, sources, weights, np.random.default_rng(args.seed))
    first = AUXILIARY_UNTIL if args.init else 0  # weights come without auxiliary heads
    curriculum = Curriculum(args.steps, args.cooldown, args.batch, first)
    trainer = Trainer(
        args.run,
        mixer,
        curriculum,
        torch.device(args.device),
        lr=args.lr,
        seed=args.seed,
        workers=args.workers,
    )
    if args.init and not trainer.checkpoint.exists():
        trainer.start_from(args.init)
    trainer.resume()
    held_out = held_out_pages(args.val, renderer, HELD_OUT_PAGES)
    trainer.train(args.steps, args.save_every, held_out)


if __name__ == "__main__":
    main()
