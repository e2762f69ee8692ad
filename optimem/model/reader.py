"""The trained whole: DeepEncoder, bottleneck, decoder and a readout per tier."""

from typing import cast

import torch
from torch import Tensor, nn

from optimem.model.bottleneck import Bottleneck
from optimem.model.config import ReaderConfig
from optimem.model.decoder import Decoder
from optimem.model.encoder import nano_encoder
from optimem.model.readout import Readout
from optimem.renderers.dense import MARGINS, canvas_cells
from optimem.tiers import Tier


def as_input(images: Tensor) -> Tensor:
    """Ink (B, S, S) uint8 as the encoder takes it: (B, S, S, 1), blank −0.5, full 1.5."""
    return images[..., None].float() / 127.5 - 0.5


class Reader(nn.Module):
    """Pages to vision tokens to symbols."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.config = config
        width = config.decoder.width
        self.encoder = nano_encoder(config.encoder)
        self.bottleneck = Bottleneck(dim=config.encoder.token_dim)
        self.token_embed = nn.Linear(config.encoder.token_dim, width)
        self.decoder = Decoder(config.decoder)
        self.readouts = nn.ModuleDict(
            {
                tier.label: self._new_readout(tier, features, width=width, grid=tier.grid)
                for tier, features in config.cell_features
            }
        )

    def _new_readout(self, tier: Tier, features: int, *, width: int, grid: int) -> Readout:
        columns, rows = canvas_cells(tier)
        return Readout(
            width=width,
            grid=grid,
            columns=columns,
            rows=rows,
            features=features,
            common=self.config.common,
            symbols=self.config.symbols,
            margin=MARGINS.get(tier, (0, 0)),
        )

    def encode(self, images: Tensor, tier: Tier) -> Tensor:
        """Ink (B, S, S) uint8 to whole-numbered tokens (B, g², C), int16."""
        tokens = self.encoder(as_input(images).to(self.token_embed.weight.dtype)).tokens
        steps = self.bottleneck.scale(tokens, tier).round()
        return steps.clamp(-32768, 32767).to(torch.int16)

    def decode(self, tokens: Tensor, tier: Tier) -> Tensor:
        """Tokens (B, g², C) to the features that the readout takes, (B, g, g, width)."""
        x = self.decoder(self.token_embed(tokens))
        return x.view(len(x), tier.grid, tier.grid, -1)

    def read(self, steps: Tensor, tier: Tier) -> tuple[Tensor, Tensor]:
        """Whole-numbered tokens to symbols and probabilities, (B, cells) each."""
        tokens = self.bottleneck.restore(steps.float(), tier)
        features = self.decode(tokens.to(self.token_embed.weight.dtype), tier)
        return self.readout(tier).read(features)

    def readout(self, tier: Tier) -> Readout:
        """The readout of a tier."""
        return cast(Readout, self.readouts[tier.label])
