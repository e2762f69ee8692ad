"""One run: steps, a log, and saves from which it continues.

The first steps fit the projector to the embeddings of the text, without a pass through the chat
model; the others go through it. Knows no command line.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from optimem.errors import ResumeError
from optimem.model.projector.chat_model import ChatModel
from optimem.model.projector.network import Projector
from optimem.model.projector.weights import ProjectorFile, TrainedFor
from optimem.protocols import Progress
from optimem.training import CHECKPOINT, LOG
from optimem.training.curriculum import Curriculum
from optimem.training.optimiser import MuonWithAdamW
from optimem.training.projector.stretches import LearnedPage, Stretch
from optimem.training.projector.tasks import (
    CELLS,
    draw_example,
    example_losses,
    fitting_loss,
)

PROJECTOR = "projector.safetensors"
CLIP = 1.0  # norm of the gradients
LOG_EVERY = 10  # steps
CHAT_RATE = 0.1  # of the fitting's: these steps see few stretches each


class Plan(NamedTuple):
    """How a run goes: `steps` in all, the first `fitting` of them without the chat model; `batch`
    stretches a step, and `fitted` in one of the first."""

    steps: int
    fitting: int
    batch: int = 8
    fitted: int = 64
    cooldown: float = 0.25


class ProjectorTrainer:
    """One run: projector, optimiser, pages, and the folder that keeps it all. What a step does
    depends on the seed and the step alone."""

    def __init__(
        self,
        run: Path,
        file: ProjectorFile,
        llm: ChatModel,
        pages: Sequence[LearnedPage],
        plan: Plan,
        *,
        lr: float,
        seed: int = 0,
    ) -> None:
        self.run, self.file, self.llm, self.pages, self.plan = run, file, llm, pages, plan
        self.seed = seed
        device = llm.embeddings.device
        self.projector: Projector = file.projector.to(device).requires_grad_(True)
        self.optimiser = MuonWithAdamW(self.projector.named_parameters(), lr=lr)
        self.step, self.seconds = 0, 0.0
        self.checkpoint = run / CHECKPOINT

    def resume(self) -> bool:
        """Continue from the checkpoint; False if there is none. Raises ResumeError for a checkpoint
        of another chat model, encoder, tier or size."""
        if not self.checkpoint.exists():
            return False
        state = torch.load(
            self.checkpoint, map_location=self.llm.embeddings.device, weights_only=False
        )
        if state["made_for"] != self._made_for:
            raise ResumeError(
                f"{self.checkpoint} belongs to a run with {state['made_for']}, this one has "
                f"{self._made_for}; give its arguments, or another --run"
            )
        self.projector.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        return True

    def save(self) -> None:
        """Write checkpoint and projector; a crash half-way leaves the last ones intact."""
        state = {
            "model": self.projector.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "made_for": self._made_for,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint)
        self.file.save(self.run / PROJECTOR)

    def train(
        self, save_every: int, minutes: float = float("inf"), progress: Progress | None = None
    ) -> None:
        """Train until the plan's last step, or until `minutes` have passed; save every
        `save_every` steps and at the end."""
        until = time.monotonic() + 60 * minutes
        while self.step < self.plan.steps:
            started = time.monotonic()
            losses = self.train_step()
            self.seconds += time.monotonic() - started
            if self.step % LOG_EVERY == 0:
                self._log(losses)
            if progress:
                progress(self.step, self.plan.steps)
            late = time.monotonic() > until
            if self.step % save_every == 0 or self.step == self.plan.steps or late:
                self.save()
            if late:
                return

    def train_step(self) -> dict[str, Tensor]:
        """One step. Returns its losses by task."""
        fitting = self.step < self.plan.fitting
        rng = np.random.default_rng((self.seed, self.step))
        for parameter in self.projector.parameters():
            parameter.grad = None
        with torch.autocast(self.llm.embeddings.device.type, torch.bfloat16):
            losses = {"fit": self._fit(rng)} if fitting else self._examples(rng)
        torch.stack(list(losses.values())).mean().backward()
        torch.nn.utils.clip_grad_norm_(self.projector.parameters(), CLIP)
        self.optimiser.step(self._lr_scale)
        self.step += 1
        return losses

    def _examples(self, rng: np.random.Generator) -> dict[str, Tensor]:
        examples = [draw_example(self.pages, rng) for _ in range(self.plan.batch)]
        return example_losses(self.projector, self.llm, examples)

    def _fit(self, rng: np.random.Generator) -> Tensor:
        stretches = [self._stretch(rng) for _ in range(self.plan.fitted)]
        return fitting_loss(self.projector, self.llm, stretches)

    def _stretch(self, rng: np.random.Generator) -> Stretch:
        page = self.pages[int(rng.integers(len(self.pages)))]
        start = int(rng.integers(max(len(page.features) - CELLS[1], 1)))
        return page.stretch(start, CELLS[1], 0)

    @property
    def _lr_scale(self) -> float:
        """Each part of the run warms up and cools down by itself."""
        fitting, steps = self.plan.fitting, self.plan.steps
        if self.step < fitting:
            return Curriculum(fitting, self.plan.cooldown).lr_scale(self.step)
        curriculum = Curriculum(steps - fitting, self.plan.cooldown)
        return CHAT_RATE * curriculum.lr_scale(self.step - fitting)

    @property
    def _made_for(self) -> dict[str, Any]:
        known: TrainedFor = self.file.trained_for
        return {**asdict(known), **asdict(self.projector.config)}

    def _log(self, losses: dict[str, Tensor]) -> None:
        figures = {task: round(loss.item(), 4) for task, loss in losses.items()}
        line = {"step": self.step, "seconds": round(self.seconds, 1), **figures}
        with (self.run / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
