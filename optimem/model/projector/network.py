"""The projector: features of a page's cells to vectors that a chat model takes for its tokens.

A soft token stands for a few consecutive cells, in reading order, so that any stretch of a page
has a place in the model's sequence just as its text would, and the model's own positions say what
follows what. The cells on both sides are seen too: words do not end where soft tokens do. Knows
neither of the two models.

Dimensions: n cells of a stretch, F features of a cell, M soft tokens, W width of the chat model.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ProjectorConfig:
    """`features`: F, the tier's. `width`: W. `cells`: of one soft token; at Large a vision token
    holds 32, so 8 make four soft tokens of it. `margin`: cells seen on each side. `hidden`: units
    between the two layers."""

    features: int
    width: int
    cells: int = 8
    margin: int = 8
    hidden: int = 2048

    @property
    def window(self) -> int:
        """Cells seen by one soft token."""
        return self.cells + 2 * self.margin

    def soft_tokens(self, cells: int) -> int:
        """M of a stretch of so many cells."""
        return -(-cells // self.cells)


class Projector(nn.Module):
    """Two layers, then every vector at the size of the chat model's embeddings. `size`: their root
    mean square, from which each dimension's gain starts."""

    def __init__(self, config: ProjectorConfig, size: float = 1.0) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Linear(config.window * config.features, config.hidden)
        self.leave = nn.Linear(config.hidden, config.width)
        self.gain = nn.Parameter(torch.full((config.width,), size))

    def forward(self, windows: Tensor) -> Tensor:
        """Windows (M, window, F) to soft tokens (M, W)."""
        x = F.gelu(self.enter(windows.flatten(1)))  # (M, hidden)
        return F.rms_norm(self.leave(x).float(), (self.config.width,)) * self.gain

    def project(self, features: Tensor) -> Tensor:
        """A stretch of a page, (n, F), to its soft tokens (M, W)."""
        return self(cut_windows(features.to(self.enter.weight), self.config))


def cut_windows(features: Tensor, config: ProjectorConfig) -> Tensor:
    """What each soft token of a stretch (n, F) sees, (M, window, F); zeros beyond its ends."""
    count = config.soft_tokens(len(features))
    after = count * config.cells - len(features) + config.margin
    padded = F.pad(features, (0, 0, config.margin, after))
    return padded.unfold(0, config.window, config.cells).transpose(1, 2)
