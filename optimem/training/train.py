"""Train the reader: `python -m optimem.training.train --text FILES --run FOLDER`.

Resumes from FOLDER/checkpoint.pt if there is one, logs a JSON line every few steps to
FOLDER/log.jsonl, and saves often. Stop it at any time; the same command goes on.
"""

import argparse
import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from optimem.model.config import NANO
from optimem.model.nano.weights import load_weights
from optimem.renderers.dense import DenseRenderer
from optimem.tiers import Tier
from optimem.training.curriculum import AUXILIARY_UNTIL, Curriculum, Part
from optimem.training.evaluate import evaluate, held_out_pages
from optimem.training.objective import Losses, Objective
from optimem.training.optimiser import MuonWithAdamW
from optimem.training.pages import PageMixer, text_cells

CLIP = 1.0
LOG_EVERY = 15  # odd, so that tiers that take turns are all seen


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """bf16 for the matrix products."""
    return torch.autocast(device.type, torch.bfloat16)


class Trainer:
    """One run: model, optimiser, data and where it all is saved."""

    def __init__(
        self, run: Path, mixer: PageMixer, curriculum: Curriculum, device: torch.device, lr: float
    ) -> None:
        self.run, self.mixer, self.curriculum, self.device = run, mixer, curriculum, device
        self.model = Objective(NANO).to(device)
        self.optimiser = MuonWithAdamW(self.model, lr=lr)
        self.step, self.seconds = curriculum.first, 0.0
        self.checkpoint = run / "checkpoint.pt"

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.mixer.rng.bit_generator.state = state["rng"]

    def start_from(self, weights: Path) -> None:
        """Begin with the reader of a weights file instead of a random one."""
        load_weights(self.model.reader, weights)
        for tier in Tier:
            self.model.reader.readout(tier).symbol.temperature.fill_(1.0)

    def save(self) -> None:
        """Write the checkpoint; a crash in between leaves the one before."""
        state = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "rng": self.mixer.rng.bit_generator.state,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint)

    def draw(self, cells: np.ndarray[Any, Any], tier: Tier) -> Tensor:
        """Ink (B, S, S) of pages of cells."""
        images = np.stack([self.mixer.renderer.draw(page, tier) for page in cells])
        return torch.from_numpy(images).to(self.device)

    def train_step(self) -> dict[str, Losses]:
        """One step: the gradients of every tier whose turn it is."""
        self.optimiser.zero_grad()
        losses = {
            part.tier.label: self._backward(part) for part in self.curriculum.parts(self.step)
        }
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimiser.step(self.curriculum.lr_scale(self.step))
        self.step += 1
        return losses

    def _backward(self, part: Part) -> Losses:
        cells = self.mixer.batch(part.pages)
        images = self.draw(cells, part.tier)
        target = torch.from_numpy(cells.astype(np.int64)).to(self.device)
        with autocast(self.device):
            losses: Losses = self.model(
                images,
                target,
                part.tier,
                auxiliary=part.auxiliary,
                rate_weight=part.rate_weight,
                rate_target=part.rate_target,
            )
        losses.total.backward()
        return losses

    def log(self, **fields: Any) -> None:
        """Append a line to the log and show it."""
        line = json.dumps({"step": self.step, "seconds": round(self.seconds), **fields})
        with (self.run / "log.jsonl").open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)

    def go(self, steps: int, save_every: int, held_out: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Train until `steps`."""
        self.model.train()
        while self.step < steps:
            started = time.monotonic()
            losses = self.train_step()
            self.seconds += time.monotonic() - started
            if self.step % LOG_EVERY == 0:
                self.log(
                    step_seconds=round(time.monotonic() - started, 2),
                    **{
                        tier: [round(part, 4) for part in loss[1:]] for tier, loss in losses.items()
                    },
                )
            if self.step % save_every == 0 or self.step == steps:
                self.save()
                self.log(held_out=evaluate(self.model.reader, held_out, self.mixer.renderer))
                self.model.train()


def load_sources(texts: Iterable[str], renderer: DenseRenderer) -> tuple[list[Any], list[float]]:
    """`FILE` or `FILE=WEIGHT` each; the weight is the share of text pieces from that file."""
    sources, weights = [], []
    for text in texts:
        path, _, weight = text.partition("=")
        sources.append(text_cells(Path(path), renderer))
        weights.append(float(weight or 1))
        print(f"{path}: {len(sources[-1]):,} cells", flush=True)
    return sources, weights


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="optimem.training.train", description=__doc__)
    made.add_argument(
        "--text", nargs="+", required=True, help="training files, FILE or FILE=WEIGHT"
    )
    made.add_argument("--val", nargs="+", required=True, help="held-out files, to follow progress")
    made.add_argument("--run", type=Path, required=True, help="folder for checkpoint and log")
    made.add_argument("--steps", type=int, default=6000, help="train until this step")
    made.add_argument("--init", type=Path, help="weights to go on from, such as the shipped ones")
    made.add_argument("--lr", type=float, default=3e-3)
    made.add_argument(
        "--cooldown", type=float, default=0.25, help="last share of steps, rate falls"
    )
    made.add_argument("--save-every", type=int, default=200)
    made.add_argument("--batch", type=float, default=1.0, help="times the curriculum's batch")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return made


def main() -> None:
    args = parser().parse_args()
    args.run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    renderer = DenseRenderer()
    sources, weights = load_sources(args.text, renderer)
    mixer = PageMixer(renderer, sources, weights, np.random.default_rng(args.seed))
    first = AUXILIARY_UNTIL if args.init else 0  # weights come without auxiliary heads
    curriculum = Curriculum(args.steps, args.cooldown, args.batch, first)
    trainer = Trainer(args.run, mixer, curriculum, torch.device(args.device), args.lr)
    if args.init and not trainer.checkpoint.exists():
        trainer.start_from(args.init)
    trainer.resume()
    held_out = held_out_pages([Path(path) for path in args.val], renderer, pages=3)
    trainer.go(args.steps, args.save_every, held_out)


if __name__ == "__main__":
    main()
