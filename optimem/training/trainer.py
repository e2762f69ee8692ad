"""One training run: steps, a log, and saves from which it continues.

On the CPU a crew of processes may share each step. On a GPU, other processes mix the pages ahead,
the device draws them, and the blocks of the network are compiled. Knows no command line.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from optimem.errors import FingerprintError
from optimem.model.decoder import DecoderBlock
from optimem.model.layers import Block
from optimem.model.nano.weights import read_weights, save_weights
from optimem.protocols import Cells
from optimem.renderers.spellings import symbols_of
from optimem.tiers import Tier
from optimem.training import CHECKPOINT, LOG, SNAPSHOT
from optimem.training.carrying import carry_over
from optimem.training.crew import Crew
from optimem.training.curriculum import Curriculum, TierShare
from optimem.training.evaluate import evaluate
from optimem.training.objective import Losses, Objective, config_for
from optimem.training.optimiser import MuonWithAdamW
from optimem.training.page_pool import PagePool, Part, mix
from optimem.training.pages import PageMixer
from optimem.training.painting import DevicePainter

CLIP = 1.0  # norm of the gradients
LOG_EVERY = 15  # steps; odd, so that tiers that take part in every second one are seen


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """bf16 for the matrix products."""
    return torch.autocast(device.type, torch.bfloat16)


class Trainer:
    """One run: the model, its optimiser, the pages, and the folder that keeps it all.

    `workers`: processes that share each step, on the CPU. Each has a trainer of its own around
    one model. `pool`: where pages come from; by default they are mixed when they are needed.
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
        pool: PagePool | None = None,
    ) -> None:
        self.run, self.mixer, self.curriculum, self.device = run, mixer, curriculum, device
        self.lr, self.seed, self.pool = lr, seed, pool
        self.objective = Objective(config_for(mixer.renderer.alphabet)).to(device)
        self.crew = Crew(self.objective, workers)
        self.painter = None if device.type == "cpu" else DevicePainter(mixer.renderer, device)
        self.step, self.seconds = curriculum.first, 0.0
        self.checkpoint = run / CHECKPOINT
        self._optimiser_state: Mapping[str, Any] = {}

    @cached_property
    def optimiser(self) -> MuonWithAdamW:
        """Of this process's parameters, so not to be used before the crew starts."""
        optimiser = MuonWithAdamW(self.crew.own_parameters(), lr=self.lr)
        optimiser.load_state_dict(self._optimiser_state)
        return optimiser

    def compile(self) -> None:
        """Compile the network's blocks, which takes a minute or two before the first steps."""
        for module in self.objective.modules():
            if isinstance(module, Block | DecoderBlock):
                module.compile()

    def start_from(self, weights: Path) -> None:
        """Take the model from a weights file, whose alphabet may be another, instead of a random
        one. Raises FormatError for a file whose symbols are not known."""
        state, info = read_weights(weights)
        alphabet, model = self.mixer.renderer.alphabet, self.objective.model
        known = info.symbols or symbols_of(info.renderer, weights)
        model.load_state_dict(carry_over(state, known, alphabet.symbols, alphabet.common))
        for tier in Tier:
            model.readout(tier).symbol.temperature.fill_(1.0)

    def resume(self) -> bool:
        """Continue from the checkpoint, else from the snapshot; False if there is neither. Raises
        FingerprintError for a checkpoint of another renderer."""
        if self.checkpoint.exists():
            state = torch.load(self.checkpoint, map_location=self.device, weights_only=False)
            self._check_renderer(state["renderer"])
            self.objective.load_state_dict(state["model"])
            self._optimiser_state = state["optimiser"]
            self.step, self.seconds = state["step"], state["seconds"]
            return True
        if not self._snapshots():
            return False
        self.step, newest = max(self._snapshots())
        self.start_from(newest)
        return True

    def save(self) -> None:
        """Write checkpoint and snapshot; a crash half-way leaves the last ones intact."""
        optimisers = self.crew.gather(self.optimiser.state_dict())
        if self.crew.rank:
            return
        state = {
            "model": self.objective.state_dict(),
            "optimiser": {name: each for one in optimisers for name, each in one.items()},
            "step": self.step,
            "seconds": self.seconds,
            "renderer": self.mixer.renderer.version,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint)
        self._save_snapshot()

    def train(
        self,
        steps: int,
        save_every: int,
        held_out: Mapping[str, Cells],
        minutes: float = float("inf"),
    ) -> None:
        """Train until `steps`, or until `minutes` have passed; evaluate and save every
        `save_every` steps and at the end."""
        until = time.monotonic() + 60 * minutes
        self.crew.start(lambda: self._train(steps, save_every, held_out, until))

    def _train(
        self, steps: int, save_every: int, held_out: Mapping[str, Cells], until: float
    ) -> None:
        self.objective.train()
        while self.step < steps:
            started = time.monotonic()
            losses = self.train_step()
            seconds = time.monotonic() - started
            self.seconds += seconds
            if self.step % LOG_EVERY == 0:
                self._log_losses(losses, seconds)
            late = self.crew.agree(time.monotonic() > until)
            if self.step % save_every == 0 or self.step == steps or late:
                self.save()
                self._log_scores(held_out)
                self.objective.train()
            if late:
                return

    def train_step(self) -> dict[str, Tensor]:
        """One step: the gradients of every tier that takes part in it. Returns what this process
        did: for each tier its part of `Losses.figures`."""
        plan = self.curriculum
        shares = plan.shares(self.step) if self.crew.size == 1 else plan.tasks(self.step)
        self.crew.zero_gradients()
        losses: dict[str, Tensor] = {}
        for task in self.crew.tasks(len(shares)):
            label, weight = shares[task].tier.label, shares[task].weight
            figures = weight * self._backward(shares[task], task).figures
            losses[label] = losses[label] + figures if label in losses else figures
        self.crew.sum_gradients(CLIP)
        self.optimiser.step(plan.lr_scale(self.step))
        self.crew.wait()
        self.step += 1
        return losses

    def _backward(self, share: TierShare, task: int) -> Losses:
        """Add up gradients. Pages and noise depend only on the seed, the step and the task."""
        cells = self._pages(share.pages, task)
        torch.manual_seed(hash((self.seed, self.step, task)))
        target = torch.from_numpy(cells.astype(np.int64)).to(self.device)
        images = self._images(cells, share.tier)
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

    def _pages(self, pages: int, task: int) -> Cells:
        if self.pool:
            return self.pool.pages(self.step, task)
        return mix(self.mixer, self.seed, Part(self.step, task, 0, pages))

    def _images(self, cells: Cells, tier: Tier) -> Tensor:
        """Ink (B, S, S) of pages of cells (B, 12,800)."""
        if self.painter:
            return self.painter.draw(cells, tier)
        images = np.stack([self.mixer.renderer.draw(page, tier) for page in cells])
        return torch.from_numpy(images)

    def _check_renderer(self, trained: str) -> None:
        own = self.mixer.renderer.version
        if trained != own:
            raise FingerprintError(
                f"{self.checkpoint} was trained on pages of {trained}, this run draws {own}; give "
                "another --run and the snapshot as --init"
            )

    def _snapshots(self) -> list[tuple[int, Path]]:
        """The snapshots of the folder with their steps."""
        start, end = SNAPSHOT.split("{}")
        return [
            (int(path.name.removeprefix(start).removesuffix(end)), path)
            for path in self.run.glob(SNAPSHOT.format("*"))
        ]

    def _save_snapshot(self) -> None:
        """Write the newest snapshot and delete the others."""
        renderer, path = self.mixer.renderer, self.run / SNAPSHOT.format(self.step)
        save_weights(self.objective.model, renderer.version, renderer.alphabet.symbols, path)
        for _, other in self._snapshots():
            if other != path:
                other.unlink()

    def _log_losses(self, losses: dict[str, Tensor], seconds: float) -> None:
        """What all processes did in a step."""
        totals: dict[str, Any] = {}
        for part in self.crew.gather({tier: each.cpu().numpy() for tier, each in losses.items()}):
            for tier, figures in part.items():
                totals[tier] = totals.get(tier, 0.0) + figures
        rounded = {
            tier: figures.astype(float).round(4).tolist() for tier, figures in totals.items()
        }
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
