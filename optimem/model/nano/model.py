"""The trained whole: DeepEncoder, bottleneck, decoder and a readout per tier.

The bottleneck: vision tokens as whole numbers, and what they cost in bits.

Each tier scales each dimension so that a step of 1 is as coarse as reading allows. Training
adds uniform noise where storing rounds, and prices every value by a Gaussian per dimension
(Ballé et al., arXiv 1611.01704); so the numbers of bits follow from what the text needs.

Readout: each position of a map to the characters of its cells, all at once.

A symbol's probability is exact though most symbols are rare: common symbols share one
softmax with an entry "some other symbol", and a second softmax tells those apart. The
second is computed only where the first calls for it.
"""

from math import gcd
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from optimem.model.config import ReaderConfig
from optimem.model.decoder import Decoder
from optimem.model.encoder import nano_encoder
from optimem.renderers.dense import MARGINS, canvas_cells
from optimem.tiers import Tier

TIERS = tuple(Tier)
FIRST_GAIN = 16.0
LEAST_SPREAD = 0.11  # below it a value is always its mean


class Bottleneck(nn.Module):
    """Per tier and dimension: the gain, and the mean and spread of the scaled values."""

    def __init__(self, *, dim: int) -> None:
        super().__init__()
        self.log_gain = nn.Parameter(torch.full((len(TIERS), dim), FIRST_GAIN).log())
        self.mean = nn.Parameter(torch.zeros(len(TIERS), dim))
        self.log_spread = nn.Parameter(torch.full((len(TIERS), dim), FIRST_GAIN).log())

    def scale(self, tokens: Tensor, tier: Tier) -> Tensor:
        """Tokens (B, N, C) in steps of the tier, fp32, not yet rounded."""
        return tokens.float() * self.log_gain[TIERS.index(tier)].exp()

    def restore(self, steps: Tensor, tier: Tier) -> Tensor:
        """The inverse of `scale`."""
        return steps * (-self.log_gain[TIERS.index(tier)]).exp()

    def prior(self, tier: Tier) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (C,) of the scaled values."""
        index = TIERS.index(tier)
        return self.mean[index], self.log_spread[index].exp().clamp_min(LEAST_SPREAD)

    def bits(self, steps: Tensor, tier: Tier) -> Tensor:
        """Bits (B, N, C) that each scaled value costs under the tier's prior."""
        mean, spread = self.prior(tier)
        above = torch.special.ndtr((steps + 0.5 - mean) / spread)
        below = torch.special.ndtr((steps - 0.5 - mean) / spread)
        return -(above - below).clamp_min(1e-7).log2()

    def forward(self, tokens: Tensor, tier: Tier) -> tuple[Tensor, Tensor]:
        """Noisy tokens as the decoder sees them in training, and the bits (B,) of a page."""
        steps = self.scale(tokens, tier)
        steps = steps + torch.rand_like(steps) - 0.5
        return self.restore(steps, tier), self.bits(steps, tier).sum((1, 2))


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
