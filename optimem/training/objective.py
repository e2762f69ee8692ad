"""What is trained: the reader, auxiliary heads that lead it off the plateau, and the loss.

Without heads that read characters from the patches and from the half-compressed map, the
final tokens stay at letter frequencies for thousands of steps. The heads are thrown away
afterwards.
"""

from typing import NamedTuple, cast

from torch import Tensor, nn

from optimem.model.config import ReaderConfig
from optimem.model.decoder import MixtureOfExperts
from optimem.model.nano.model import Reader, Readout, as_input
from optimem.renderers.dense import CAPACITY, canvas_cells
from optimem.tiers import Tier

AUXILIARY_TIERS = (Tier.SMALL, Tier.TINY)
AUXILIARY_FEATURES = 32
BALANCE_WEIGHT = 0.01


class Losses(NamedTuple):
    """`total` is what is minimised; the rest is for the log. `final`, `patches` and `halved`
    are nats a character (NaN where a tier has no auxiliary head); `bits` are bits of vision
    tokens a cell."""

    total: Tensor
    final: float
    patches: float
    halved: float
    bits: float


class Objective(nn.Module):
    """The reader with its auxiliary heads."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.reader = Reader(config)
        encoder = config.encoder
        heads: dict[str, nn.Module] = {}
        for tier in AUXILIARY_TIERS:
            heads[f"{tier.label}_patches"] = self._head(config, tier, 4, encoder.width)
            heads[f"{tier.label}_halved"] = self._head(config, tier, 2, encoder.half_width)
        self.heads = nn.ModuleDict(heads)
        self._start()

    def _head(self, config: ReaderConfig, tier: Tier, finer: int, width: int) -> Readout:
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

    def _start(self) -> None:
        """Every residual branch starts at zero."""
        for name, parameter in self.named_parameters():
            if name.endswith(
                ("attn.proj.weight", "lin2.weight", "o_proj.weight", "down_proj.weight")
            ):
                nn.init.zeros_(parameter)

    def forward(
        self,
        images: Tensor,
        cells: Tensor,
        tier: Tier,
        *,
        auxiliary: float,
        rate_weight: float,
        rate_target: float,
    ) -> Losses:
        """Losses of pages: ink (B, S, S) uint8 and their cells (B, 12,800) int64.

        Bits a cell beyond `rate_target` cost `rate_weight` times the log of the excess ratio:
        the same pull whether a tier is two or twenty times too wide.
        """
        reader = self.reader
        encoded = reader.encoder(as_input(images))
        tokens, bits = reader.bottleneck(encoded.tokens, tier)
        final = reader.readout(tier).loss(reader.decode(tokens, tier), cells)
        rate = bits.mean() / CAPACITY
        total = final + rate_weight * (rate / rate_target).log().clamp_min(0)
        for module in reader.decoder.modules():
            if isinstance(module, MixtureOfExperts) and module.balance is not None:
                total = total + BALANCE_WEIGHT * module.balance
        parts = [float("nan"), float("nan")]
        if auxiliary and tier in AUXILIARY_TIERS:
            half = max(len(cells) // 2, 1)
            maps = (("patches", encoded.patches), ("halved", encoded.halved))
            for index, (name, features) in enumerate(maps):
                head = cast(Readout, self.heads[f"{tier.label}_{name}"])
                loss = head.loss(features[:half], cells[:half])
                total, parts[index] = total + auxiliary * 0.5 * loss, loss.item()
        return Losses(total, final.item(), parts[0], parts[1], rate.item())
