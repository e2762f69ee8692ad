"""Readout: each position of a map to the characters of its cells, all at once.

A symbol's probability is exact though most symbols are rare: common symbols share one
softmax with an entry "some other symbol", and a second softmax tells those apart. The
second is computed only where the first calls for it.
"""

from math import gcd

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WORTH_A_LOOK = 0.02  # probability of the tail from which it is searched


class SymbolHead(nn.Module):
    """Features (M, features) of cells to symbols."""

    temperature: Tensor

    def __init__(self, *, features: int, common: int, symbols: int) -> None:
        super().__init__()
        self.common = common
        self.head = nn.Linear(features, common + 1)
        self.tail = nn.Linear(features, symbols - common)
        self.register_buffer("temperature", torch.ones(()))

    def scores(self, cells: Tensor, layer: nn.Module) -> Tensor:
        """fp32 logits of the head or the tail; the temperature makes them honest."""
        return layer(cells).float() / self.temperature

    def loss(self, cells: Tensor, target: Tensor) -> Tensor:
        """Mean negative log-likelihood (nats) of target ids (M,)."""
        head = F.cross_entropy(
            self.scores(cells, self.head), target.clamp_max(self.common), reduction="sum"
        )
        rare = (target >= self.common).nonzero().squeeze(1)
        if len(rare):
            tail = self.scores(cells[rare], self.tail)
            head = head + F.cross_entropy(tail, target[rare] - self.common, reduction="sum")
        return head / len(target)

    def read(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest symbol id (M,) and its probability (M,)."""
        head = self.scores(cells, self.head).softmax(-1)
        probability, symbol = head[:, :-1].max(-1)
        rare = (head[:, -1] > WORTH_A_LOOK).nonzero().squeeze(1)
        if len(rare):
            tail, best = self.scores(cells[rare], self.tail).softmax(-1).max(-1)
            tail = tail * head[rare, -1]
            wins = tail > probability[rare]
            symbol[rare[wins]] = best[wins] + self.common
            probability[rare[wins]] = tail[wins]
        return symbol, probability


class Readout(nn.Module):
    """A map of grid × grid positions to the cells of a page, columns × rows of them.

    Where cells do not fall evenly into positions, the smallest group of positions that
    holds whole cells is read at once. `margin`: blank columns and rows at each side that
    are not read.
    """

    def __init__(
        self,
        *,
        width: int,
        grid: int,
        columns: int,
        rows: int,
        features: int,
        common: int,
        symbols: int,
        margin: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__()
        self.across, self.down = grid // gcd(grid, columns), grid // gcd(grid, rows)
        self.groups_across, self.groups_down = grid // self.across, grid // self.down
        self.columns, self.rows = columns // self.groups_across, rows // self.groups_down
        self.features, self.margin = features, margin
        slots = self.columns * self.rows * features
        self.cells = nn.Linear(width * self.across * self.down, slots)
        self.symbol = SymbolHead(features=features, common=common, symbols=symbols)

    def forward(self, x: Tensor) -> Tensor:  # (B, grid, grid, width)
        B, _, _, C = x.shape
        x = x.view(B, self.groups_down, self.down, self.groups_across, self.across, C)
        x = self.cells(x.transpose(2, 3).flatten(3))
        x = x.view(B, self.groups_down, self.groups_across, self.rows, self.columns, -1)
        x = x.transpose(2, 3).reshape(B, self.groups_down * self.rows, -1, self.features)
        left, top = self.margin
        x = x[:, top : x.shape[1] - top, left : x.shape[2] - left]
        return F.gelu(x.flatten(1, 2))  # (B, cells, features)

    def loss(self, x: Tensor, target: Tensor) -> Tensor:
        """Mean negative log-likelihood of the cells (B, cells) of pages."""
        return self.symbol.loss(self(x).flatten(0, 1), target.flatten())

    def read(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Symbols and their probabilities, (B, cells) each."""
        symbol, probability = self.symbol.read(self(x).flatten(0, 1))
        return symbol.view(len(x), -1), probability.view(len(x), -1)
