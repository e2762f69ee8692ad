"""Draws training pages on the device that trains, to the byte as `DenseRenderer` draws them.

A GPU draws thousands of pages a second; one at a time on the CPU it would wait for them. Knows
nothing of text.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from optimem.protocols import Cells
from optimem.renderers.dense import MARGINS, ROWS, DenseRenderer, box_shares, canvas_cells
from optimem.renderers.spelling import CELL_HEIGHT, CELL_WIDTH
from optimem.tiers import Tier


class DevicePainter:
    """Pages of cells to ink, on one device."""

    def __init__(self, renderer: DenseRenderer, device: torch.device) -> None:
        self.spelling, self.device = renderer.spelling, device
        self.tiles = torch.from_numpy(self.spelling.tiles).to(device)  # (T, 16, 8)
        self._shrink: dict[Tier, tuple[Tensor, Tensor]] = {}
        for tier in Tier:
            columns, rows = canvas_cells(tier)
            sides = (rows * CELL_HEIGHT, columns * CELL_WIDTH)
            down, across = (torch.from_numpy(box_shares(side, tier.value)) for side in sides)
            self._shrink[tier] = down.to(device), across.to(device)

    @torch.no_grad()
    def draw(self, cells: Cells, tier: Tier) -> Tensor:
        """(B, S, S) uint8 ink of full pages (B, 12,800) of symbol ids, on the device."""
        numbers = torch.from_numpy(self.spelling.tile_numbers(cells)).to(self.device)
        tiles = self.tiles[numbers].unflatten(1, (ROWS, -1))  # (B, 80, 160, 16, 8)
        page = tiles.transpose(2, 3).flatten(3).flatten(1, 2).float()  # (B, 1280, 1280)
        columns, rows = MARGINS.get(tier, (0, 0))
        across, down = columns * CELL_WIDTH, rows * CELL_HEIGHT
        page = F.pad(page, (across, across, down, down))
        rows_shrunk, columns_shrunk = self._shrink[tier]
        page = _rounded(page @ columns_shrunk.T)  # Pillow, too, rounds between the two
        return _rounded(rows_shrunk @ page).to(torch.uint8)  # (B, S, S)


def _rounded(ink: Tensor) -> Tensor:
    return (ink + 0.5).floor()
