"""One page at every tier, for the report's slider: its image, its tokens and its reading."""

from base64 import b64encode
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from optimem.evaluation.measures import UNCERTAIN, accuracy, wrong_characters
from optimem.protocols import PageCodec, Reading
from optimem.renderers.images import page_png
from optimem.tiers import Tier

LEVELS = 9  # steps of certainty, one digit per character
PATCH = 64  # pixels of a page image that one vision token stands for


@dataclass(frozen=True)
class TierView:
    """A page at a tier. `side`: pixels; `grid`: vision tokens a side. `image`: a PNG as a data
    URI. `certainty`: one digit per character of `text`, 9 for certain. `wrong`: "1"
    for each wrong character, else "0". `doubt`: how uncertain each token's cells are, 0 to 1.
    `right`, `marked`, `silent`: shares of the characters."""

    tier: str
    side: int
    grid: int
    tokens: int
    positions: int
    bytes: int
    right: float
    marked: float
    silent: float
    image: str
    text: str
    certainty: str
    wrong: str
    doubt: list[float]


def tier_views(text: str, codec: PageCodec) -> list[dict[str, Any]]:
    """The page with this text at every tier, sharpest first; JSON-ready."""
    return [asdict(tier_view(text, tier, codec)) for tier in sorted(Tier, reverse=True)]


def tier_view(text: str, tier: Tier, codec: PageCodec) -> TierView:
    """The page with this text at a tier."""
    page = codec.renderer.page(codec.renderer.cells(text))
    (tokens,) = codec.encoder.encode([page], tier)
    (read,) = codec.decoder.read([tokens])
    reading = codec.renderer.text(read)
    wrong = wrong_characters(text, reading.text)
    unsure = reading.probability < UNCERTAIN
    size = max(len(wrong), 1)
    return TierView(
        tier=tier.label,
        side=tier.value,
        grid=tier.grid,
        tokens=tier.tokens,
        positions=tier.positions,
        bytes=len(tokens.data),
        right=accuracy(text, reading.text),
        marked=float(unsure.sum() / size),
        silent=float((np.array(wrong, bool) & ~unsure).sum() / size),
        image="data:image/png;base64," + b64encode(page_png(page.image(tier))).decode(),
        text=reading.text,
        certainty="".join(str(int(p * LEVELS)) for p in np.clip(reading.probability, 0, 1)),
        wrong="".join("01"[w] for w in wrong),
        doubt=token_doubt(reading, tier, codec),
    )


def token_doubt(reading: Reading, tier: Tier, codec: PageCodec) -> list[float]:
    """(grid²,) mean of 1 − probability over the characters that each vision token stands for."""
    total, count = np.zeros(tier.tokens), np.zeros(tier.tokens)
    for cell, probability in zip(reading.cell.tolist(), reading.probability.tolist(), strict=True):
        box = codec.renderer.box(cell, tier)
        token = int(box.top // PATCH) * tier.grid + int(box.left // PATCH)
        total[token] += 1 - probability
        count[token] += 1
    mean: list[float] = np.round(total / np.maximum(count, 1), 3).tolist()
    return mean
