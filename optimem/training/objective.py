"""What is minimised: the model's loss, the price of its bits, and two auxiliary heads.

Without heads that read characters from the patches and from the half-compressed map, the final
tokens stay at letter frequencies for thousands of steps. The heads are not exported.
"""

from dataclasses import replace
from math import log
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from optimem.model.decoder import MixtureOfExperts
from optimem.model.nano.model import Encoded, NanoModel, Readout
from optimem.model.nano.sizes import NanoConfig
from optimem.renderers.alphabet import Alphabet
from optimem.renderers.dense import CAPACITY, canvas_cells
from optimem.tiers import Tier

AUXILIARY_TIERS = (Tier.SMALL, Tier.TINY)
AUXILIARY_FEATURES = 32
AUXILIARY_WEIGHT = 0.5  # of each of the two heads
BALANCE_WEIGHT = 0.01
ZERO_AT_START = ("attn.proj.weight", "lin2.weight", "o_proj.weight", "down_proj.weight")
"""Ends of the names of the matrices that close a residual branch."""


class Losses(NamedTuple):
    """`total` is minimised, `figures` (4,) are for the log: nats a character from the tokens and
    from the two auxiliary heads, NaN for a tier without them, and bits of the vision tokens a
    cell. They stay on the device, because fetching them would make it wait."""

    total: Tensor
    figures: Tensor


class Objective(nn.Module):
    """The model with its auxiliary heads; every residual branch starts at zero."""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.model = NanoModel(config)
        heads: dict[str, nn.Module] = {}
        for tier in AUXILIARY_TIERS:
            heads[f"{tier.label}_patches"] = _head(config, tier, 4, config.patch_width)
            heads[f"{tier.label}_halved"] = _head(config, tier, 2, config.half_width)
        self.heads = nn.ModuleDict(heads)
        for name, parameter in self.named_parameters():
            if name.endswith(ZERO_AT_START):
                nn.init.zeros_(parameter)

    def forward(
        self,
        images: Tensor,
        cells: Tensor,
        tier: Tier,
        *,
        auxiliary: float,
        price: float,
    ) -> Losses:
        """Losses of pages: ink (B, S, S) uint8 and their cells (B, 12,800) int64.

        `price`: of a bit of vision tokens, in bits of what reading leaves unknown. At 1 the total
        is the length of the tokens and of all corrections; below it, reading counts for more.
        """
        model = self.model
        encoded = model.embed(images)
        tokens, bits = model.bottleneck(encoded.tokens, tier)
        final = model.readout(tier).loss(model.decode(tokens), cells)
        rate = bits.mean() / CAPACITY
        total = final + price * log(2) * rate
        for module in model.decoder_blocks.modules():
            if isinstance(module, MixtureOfExperts) and module.balance is not None:
                total = total + BALANCE_WEIGHT * module.balance
        patches = halved = final.new_full((), float("nan"))
        if auxiliary and tier in AUXILIARY_TIERS:
            patches, halved = self._auxiliary(encoded, cells, tier)
            total = total + auxiliary * AUXILIARY_WEIGHT * (patches + halved)
        return Losses(total, torch.stack((final, patches, halved, rate)).detach())

    def _auxiliary(self, encoded: Encoded, cells: Tensor, tier: Tier) -> tuple[Tensor, Tensor]:
        """Losses of both heads, on half of the pages, which is enough."""
        half = max(len(cells) // 2, 1)
        patches = cast(Readout, self.heads[f"{tier.label}_patches"])
        halved = cast(Readout, self.heads[f"{tier.label}_halved"])
        return (
            patches.loss(encoded.patches[:half], cells[:half]),
            halved.loss(encoded.halved[:half], cells[:half]),
        )


def config_for(alphabet: Alphabet) -> NanoConfig:
    """The sizes of the network for the symbols of an alphabet."""
    return replace(NanoConfig(), symbols=len(alphabet), common=alphabet.common)


def _head(config: NanoConfig, tier: Tier, finer: int, width: int) -> Readout:
    """A readout of a map with `finer` times as many positions a side as there are tokens."""
    columns, rows = canvas_cells(tier)
    return Readout(
        width=width,
        grid=tier.grid * finer,
        columns=columns,
        rows=rows,
        features=AUXILIARY_FEATURES,
        common=config.common,
        symbols=config.symbols,
    )
