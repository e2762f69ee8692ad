"""Muon for the hidden matrices, AdamW for everything else, as one optimiser.

With AdamW alone the bottleneck does not learn: the tokens stay at letter frequencies. Muon
(Jordan et al. 2024) gets past that within a few hundred steps; see docs/training.md.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

SMALLEST_SIDE = 100  # of a matrix for Muon
BOTTLENECK = ("bottleneck.log_", "bottleneck.mean", "bottleneck.centre")
RARE_SYMBOLS = (".symbol.tail.",)
NOT_HIDDEN = ("symbol.", "gate.weight", "positions.", *BOTTLENECK)
FASTER = ((BOTTLENECK, 10.0), (RARE_SYMBOLS, 3.0))
"""Times the others' rate: logarithms have a long way to go, and rare symbols are rarely seen."""
NEWTON_SCHULZ_STEPS = 4  # a fifth would take a tenth of a step's time


def is_hidden(name: str, parameter: nn.Parameter) -> bool:
    """Whether Muon trains a parameter: a large matrix between hidden layers."""
    if parameter.ndim != 2 or min(parameter.shape) < SMALLEST_SIDE:
        return False
    return not any(part in name for part in NOT_HIDDEN)


def rate_factor(name: str) -> float:
    """A parameter's learning rate as a multiple of the run's."""
    return next((times for parts, times in FASTER if any(part in name for part in parts)), 1.0)


class MuonWithAdamW:
    """Both optimisers with one learning rate, as Muon matches the size of AdamW's updates."""

    def __init__(self, parameters: Iterable[tuple[str, nn.Parameter]], *, lr: float) -> None:
        self.parameters = {name: p for name, p in parameters if p.requires_grad}
        hidden = [p for name, p in self.parameters.items() if is_hidden(name, p)]
        others: dict[float, list[nn.Parameter]] = {}  # by factor
        for name, parameter in self.parameters.items():
            if not is_hidden(name, parameter):
                others.setdefault(rate_factor(name), []).append(parameter)
        self.lr = lr
        self.muon = torch.optim.Muon(
            hidden,
            lr=lr,
            momentum=0.95,
            weight_decay=0.01,
            adjust_lr_fn="match_rms_adamw",
            ns_steps=NEWTON_SCHULZ_STEPS,
        )
        groups = [{"params": found, "times": times} for times, found in others.items()]
        self.adamw = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), weight_decay=0.0)

    def step(self, scale: float) -> None:
        """One step at `scale` times the learning rate."""
        for optimiser in (self.muon, self.adamw):
            for group in optimiser.param_groups:
                group["lr"] = self.lr * scale * group.get("times", 1.0)
            optimiser.step()

    def state_dict(self) -> dict[str, Any]:
        """The state of each parameter by name, for a checkpoint."""
        return {
            name: state
            for optimiser in (self.muon, self.adamw)
            for name, parameter in self.parameters.items()
            if (state := optimiser.state.get(parameter))
        }

    def load_state_dict(self, states: Mapping[str, Any]) -> None:
        """Continue from a checkpoint's states; those of other parameters are ignored."""
        for name, parameter in self.parameters.items():
            if name in states:
                optimiser = self.muon if is_hidden(name, parameter) else self.adamw
                optimiser.state[parameter] = states[name]
