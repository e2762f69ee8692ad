"""Muon for the hidden matrices, AdamW for everything else, as one optimiser.

With AdamW alone the bottleneck does not learn: the tokens stay at letter frequencies. Muon
(Jordan et al. 2024) gets past that within a few hundred steps; see docs/training.md.
"""

from typing import Any

import torch
from torch import nn

SMALLEST_SIDE = 100  # of a matrix for Muon
NOT_HIDDEN = ("symbol.", "gate.weight", "bottleneck.", "positions.")
BOTTLENECK = "bottleneck."
BOTTLENECK_LR = 10.0  # times the others' rate: its logarithms have a long way to go
NEWTON_SCHULZ_STEPS = 4  # a fifth would take a tenth of a step's time


def is_hidden(name: str, parameter: nn.Parameter) -> bool:
    """Whether Muon trains a parameter: a large matrix between hidden layers."""
    if parameter.ndim != 2 or min(parameter.shape) < SMALLEST_SIDE:
        return False
    return not any(part in name for part in NOT_HIDDEN)


class MuonWithAdamW:
    """Both optimisers with one learning rate, as Muon matches the size of AdamW's updates."""

    def __init__(self, model: nn.Module, *, lr: float) -> None:
        named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        hidden = [p for n, p in named if is_hidden(n, p)]
        others = [(n, p) for n, p in named if not is_hidden(n, p)]
        bottleneck = [p for n, p in others if BOTTLENECK in n]
        rest = [p for n, p in others if BOTTLENECK not in n]
        self.lr = lr
        self.muon = torch.optim.Muon(
            hidden,
            lr=lr,
            momentum=0.95,
            weight_decay=0.01,
            adjust_lr_fn="match_rms_adamw",
            ns_steps=NEWTON_SCHULZ_STEPS,
        )
        groups = [
            {"params": rest, "times": 1.0},
            {"params": bottleneck, "times": BOTTLENECK_LR},
        ]
        self.adamw = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), weight_decay=0.0)

    def step(self, scale: float) -> None:
        """One step at `scale` times the learning rate."""
        for optimiser in (self.muon, self.adamw):
            for group in optimiser.param_groups:
                group["lr"] = self.lr * scale * group.get("times", 1.0)
            optimiser.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.muon.zero_grad(set_to_none=True)
        self.adamw.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """The state of both, for a checkpoint."""
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint's state."""
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])
