"""`optimem-nano`, top to bottom: the image of a dense page to whole numbers, and those to symbols.

    encode  ink → patches → blocks in windows → 16× compressor → global blocks → projector
                → turned, scaled and rounded by the bottleneck
    read    whole numbers → turned back → decoder blocks, the last with experts → readout
                → a symbol and its probability for every cell

Encoder and decoder have the structure of DeepSeek-OCR (arXiv 2510.18234), but the decoder sees
all tokens at once: every symbol stands in a known cell of the page, so nothing is generated one
by one. Knows nothing of files, bytes or devices.

Dimensions: B pages of S × S pixels, g = S / 64 vision tokens a side, N = g² tokens, C channels,
K values stored of a token.
"""

from collections.abc import Mapping
from math import gcd, isqrt, log
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from optimem.model import NORM_EPS
from optimem.model.attention import Attention, WindowAttention
from optimem.model.decoder import DecoderBlock, GatedMLP, MixtureOfExperts, rotary
from optimem.model.layers import Block, PatchConv, ResizedPositions, TiledPositions
from optimem.model.nano.sizes import LEAST_SPREAD, TAIL_THRESHOLD, TIERS, NanoConfig
from optimem.renderers.dense import MARGINS, canvas_cells
from optimem.tiers import Tier

INITIAL_GAIN = 16.0
INITIAL_SPREADS = (10.0, 14.0, 19.0, 25.0)  # by class of token: unlike, so that classes part
CLASSES = len(INITIAL_SPREADS)


class Prior(NamedTuple):
    """How a tier's values are distributed: `mean` (K,); by class of token `spread` (classes, K);
    and `share` (classes,), the classes' frequencies."""

    mean: Tensor
    spread: Tensor
    share: Tensor


class Bottleneck(nn.Module):
    """Vision tokens as whole numbers, and what these cost in bits.

    Each tier scales each dimension, turns tokens into a basis of its own, in which values tell
    little of one another, and scales again, so that a step of 1 is as coarse as reading allows.
    In training, uniform noise takes the place of rounding, and Gaussians price every value
    (Ballé et al., arXiv 1611.01704), so that the network learns to spend only the bits that the
    text needs. Plain text, rare symbols and blanks spread differently, so a token belongs to one
    of a few classes with Gaussians of their own. The same Gaussians drive the range coder.

    `stored_dims`: K of each tier, at most `dim`; further columns of the tables are unused.
    """

    def __init__(self, *, dim: int, stored_dims: Mapping[Tier, int]) -> None:
        super().__init__()
        self.stored_dims = dict(stored_dims)
        gain = torch.full((len(TIERS), dim), INITIAL_GAIN).log()
        spread = torch.tensor(INITIAL_SPREADS).log()[:, None].expand(-1, dim)
        self.log_gain = nn.Parameter(gain)
        self.centre = nn.Parameter(torch.zeros(len(TIERS), dim))
        self.bases = nn.ModuleDict({t.label: _basis(dim, k) for t, k in stored_dims.items()})
        self.log_scale = nn.Parameter(torch.zeros(len(TIERS), dim))
        self.mean = nn.Parameter(torch.zeros(len(TIERS), dim))
        self.log_spread = nn.Parameter(spread.repeat(len(TIERS), 1, 1))  # (tiers, classes, C)
        self.log_share = nn.Parameter(torch.zeros(len(TIERS), CLASSES))

    def scale(self, tokens: Tensor, tier: Tier) -> Tensor:
        """Tokens (B, N, C) in steps of the tier (B, N, K), fp32, not yet rounded."""
        index = TIERS.index(tier)
        with torch.autocast(tokens.device.type, enabled=False):
            x = tokens.float() * self.log_gain[index].exp() - self.centre[index]
            return x @ self.basis(tier).T * self._scale(tier)

    def restore(self, levels: Tensor, tier: Tier) -> Tensor:
        """The inverse of `scale`, except for what the basis leaves out: (B, N, C)."""
        index = TIERS.index(tier)
        with torch.autocast(levels.device.type, enabled=False):
            x = levels.float() / self._scale(tier) @ self.basis(tier)
            return (x + self.centre[index]) * (-self.log_gain[index]).exp()

    def basis(self, tier: Tier) -> Tensor:
        """(K, C), its rows nearly orthonormal."""
        return cast(nn.Linear, self.bases[tier.label]).weight

    def _scale(self, tier: Tier) -> Tensor:
        return self.log_scale[TIERS.index(tier), : self.stored_dims[tier]].exp()

    def prior(self, tier: Tier) -> Prior:
        """What the scaled values of a tier are like."""
        index, k = TIERS.index(tier), self.stored_dims[tier]
        spread = self.log_spread[index, :, :k].exp().clamp_min(LEAST_SPREAD)
        return Prior(self.mean[index, :k], spread, self.log_share[index].softmax(0))

    def bits(self, levels: Tensor, tier: Tier) -> Tensor:
        """Bits (B, N) of each token's scaled values (B, N, K) under the tier's prior."""
        mean, spread, share = self.prior(tier)
        x = (levels - mean)[..., None, :]  # (B, N, 1, K)
        above = torch.special.ndtr((x + 0.5) / spread)  # (B, N, classes, K)
        below = torch.special.ndtr((x - 0.5) / spread)
        log_likelihood = (above - below).clamp_min(1e-7).log().sum(-1) + share.log()
        return log_likelihood.logsumexp(-1) / -log(2)

    def forward(self, tokens: Tensor, tier: Tier) -> tuple[Tensor, Tensor]:
        """Noisy tokens (B, N, C) as the decoder sees them in training, and bits a page (B,)."""
        levels = self.scale(tokens, tier)
        levels = levels + torch.rand_like(levels) - 0.5
        return self.restore(levels, tier), self.bits(levels, tier).sum(1)


class SymbolHead(nn.Module):
    """Features (M, C) of M cells to symbols, with exact probabilities at little cost.

    Common symbols share a softmax with one entry for "some rare symbol"; a second softmax tells
    the rare ones apart, and is computed only for cells where it could matter.
    """

    temperature: Tensor

    def __init__(self, *, features: int, common: int, symbols: int) -> None:
        super().__init__()
        self.common = common
        self.head = nn.Linear(features, common + 1)
        self.tail = nn.Linear(features, symbols - common)
        self.register_buffer("temperature", torch.ones(()))

    def logits(self, cells: Tensor, layer: nn.Module) -> Tensor:
        """Logits of the head or the tail, fp32, calibrated by the temperature."""
        return layer(cells).float() / self.temperature

    def loss(self, cells: Tensor, target: Tensor) -> Tensor:
        """Mean negative log-likelihood (nats) of the target ids (M,)."""
        head = F.cross_entropy(
            self.logits(cells, self.head), target.clamp_max(self.common), reduction="sum"
        )
        rare = (target >= self.common).nonzero().squeeze(1)
        if len(rare):
            tail = self.logits(cells[rare], self.tail)
            head = head + F.cross_entropy(tail, target[rare] - self.common, reduction="sum")
        return head / len(target)

    def read(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest symbol of each cell (M,), and its probability (M,)."""
        head = self.logits(cells, self.head).softmax(-1)  # (M, common + 1)
        probability, symbol = head[:, :-1].max(-1)
        rare = (head[:, -1] > TAIL_THRESHOLD).nonzero().squeeze(1)
        if len(rare):
            tail, best = self.logits(cells[rare], self.tail).softmax(-1).max(-1)
            tail = tail * head[rare, -1]
            wins = tail > probability[rare]
            symbol[rare[wins]] = best[wins] + self.common
            probability[rare[wins]] = tail[wins]
        return symbol, probability


class Readout(nn.Module):
    """A map of grid × grid positions to the cells of a page, `columns` × `rows` of them.

    Where cells and positions do not divide evenly, the smallest group of positions that holds
    whole cells is read together. `margin`: blank columns and rows on each side to leave out.
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

    def forward(self, x: Tensor) -> Tensor:  # (B, grid, grid, C)
        B, _, _, C = x.shape
        down, across = self.groups_down, self.groups_across
        x = x.view(B, down, self.down, across, self.across, C).transpose(2, 3)
        x = self.cells(x.flatten(3))  # (B, groups down, groups across, slots)
        x = x.view(B, down, across, self.rows, self.columns, self.features).transpose(2, 3)
        x = x.reshape(B, down * self.rows, across * self.columns, self.features)
        left, top = self.margin
        x = x[:, top : x.shape[1] - top, left : x.shape[2] - left]  # (B, rows, columns, features)
        return F.gelu(x.flatten(1, 2))  # (B, cells, features)

    def loss(self, x: Tensor, target: Tensor) -> Tensor:
        """Mean negative log-likelihood of the pages' cells (B, cells)."""
        return self.symbol.loss(self(x).flatten(0, 1), target.flatten())

    def read(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Symbols and their probabilities, (B, cells) each."""
        symbol, probability = self.symbol.read(self(x).flatten(0, 1))
        return symbol.view(len(x), -1), probability.view(len(x), -1)


class Encoded(NamedTuple):
    """`tokens` (B, N, C) and the maps they were made of, which training reads as well:
    `patches` (B, 4g, 4g, 192) and `halved` (B, 2g, 2g, 768)."""

    tokens: Tensor
    patches: Tensor
    halved: Tensor


class NanoModel(nn.Module):
    """Page images to whole numbers (`encode`), and whole numbers to symbols (`read`)."""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.config = c = config
        self.patch_embed = PatchConv(kernel=c.patch, channels=1, out=c.patch_width)
        self.patch_positions = TiledPositions(size=c.window, dim=c.patch_width)
        self.window_blocks = nn.ModuleList(_window_block(c) for _ in range(c.patch_depth))
        self.patch_norm = nn.LayerNorm(c.patch_width)
        self.halve = PatchConv(kernel=2, channels=c.patch_width, out=c.half_width)
        self.quarter = PatchConv(kernel=2, channels=c.half_width, out=c.global_width)
        self.global_positions = ResizedPositions(size=c.grid, dim=c.global_width)
        self.global_blocks = nn.ModuleList(_global_block(c) for _ in range(c.global_depth))
        self.global_norm = nn.LayerNorm(c.global_width)
        self.projector = nn.Linear(2 * c.global_width, c.token_dim)

        self.bottleneck = Bottleneck(dim=c.token_dim, stored_dims=dict(c.stored_dims))

        self.token_embed = nn.Linear(c.token_dim, c.decoder_width)
        self.decoder_blocks = nn.ModuleList(_decoder_block(c, i) for i in range(c.decoder_depth))
        self.decoder_norm = nn.RMSNorm(c.decoder_width, eps=NORM_EPS)
        self.readouts = nn.ModuleDict({t.label: _readout(c, t, n) for t, n in c.cell_features})

    def embed(self, ink: Tensor) -> Encoded:
        """Ink (B, S, S) uint8, 0 is blank, to tokens; S is a multiple of 16 · window."""
        x = ink[..., None].float() / 127.5 - 0.5  # (B, S, S, 1), blank −0.5, full 1.5
        x = self.patch_embed(x.to(self.dtype))  # (B, 4g, 4g, 192)
        x = x + self.patch_positions(x.shape[1])
        for block in self.window_blocks:
            x = block(x)
        patches = self.patch_norm(x)

        halved = self.halve(patches)  # (B, 2g, 2g, 768)
        compressed = self.quarter(F.gelu(halved))  # (B, g, g, 512)

        x = compressed + self.global_positions(compressed.shape[1])
        x = x.flatten(1, 2)  # (B, N, 512)
        for block in self.global_blocks:
            x = block(x)
        features = torch.cat((self.global_norm(x), compressed.flatten(1, 2)), -1)
        return Encoded(self.projector(features), patches, halved)  # tokens (B, N, 512)

    def encode(self, ink: Tensor, tier: Tier) -> Tensor:
        """Ink (B, S, S) uint8 to vision tokens in whole numbers (B, N, K), int16."""
        levels = self.bottleneck.scale(self.embed(ink).tokens, tier).round()
        return levels.clamp(-32768, 32767).to(torch.int16)

    def decode(self, tokens: Tensor) -> Tensor:
        """Tokens (B, N, C) to the features that a readout takes, (B, g, g, 512)."""
        x = self.token_embed(tokens.to(self.dtype))  # (B, N, 512)
        positions = torch.arange(x.shape[1], device=x.device)[None]
        rotation = rotary(positions, self.config.decoder_width // self.config.decoder_heads)
        for block in self.decoder_blocks:
            x = block(x, rotation)
        grid = isqrt(x.shape[1])
        return self.decoder_norm(x).unflatten(1, (grid, grid))  # (B, g, g, 512)

    def read(self, levels: Tensor, tier: Tier) -> tuple[Tensor, Tensor]:
        """Vision tokens in whole numbers to symbols and probabilities, (B, cells) each."""
        tokens = self.bottleneck.restore(levels, tier)
        return self.readout(tier).read(self.decode(tokens))

    def readout(self, tier: Tier) -> Readout:
        """The readout of a tier."""
        return cast(Readout, self.readouts[tier.label])

    @property
    def dtype(self) -> torch.dtype:
        """What all but the bottleneck computes in."""
        return self.token_embed.weight.dtype


def _basis(dim: int, stored: int) -> nn.Linear:
    basis = nn.Linear(dim, stored, bias=False)
    nn.init.orthogonal_(basis.weight)
    return basis


def _window_block(c: NanoConfig) -> Block:
    attn = WindowAttention(dim=c.patch_width, heads=c.patch_heads, window=c.window)
    return Block(dim=c.patch_width, hidden=c.patch_hidden, attn=attn)


def _global_block(c: NanoConfig) -> Block:
    attn = Attention(dim=c.global_width, heads=c.global_heads)
    return Block(dim=c.global_width, hidden=c.global_hidden, attn=attn)


def _decoder_block(c: NanoConfig, index: int) -> DecoderBlock:
    """A dense block, or the last one, with experts."""
    mlp: nn.Module
    if index < c.decoder_depth - 1:
        mlp = GatedMLP(width=c.decoder_width, hidden=c.dense_hidden)
    else:
        mlp = MixtureOfExperts(
            width=c.decoder_width,
            experts=c.experts,
            top_k=c.top_k,
            expert_hidden=c.expert_hidden,
            shared_hidden=c.shared_hidden,
        )
    return DecoderBlock(width=c.decoder_width, heads=c.decoder_heads, mlp=mlp)


def _readout(c: NanoConfig, tier: Tier, features: int) -> Readout:
    columns, rows = canvas_cells(tier)
    return Readout(
        width=c.decoder_width,
        grid=tier.grid,
        columns=columns,
        rows=rows,
        features=features,
        common=c.common,
        symbols=c.symbols,
        margin=MARGINS.get(tier, (0, 0)),
    )
