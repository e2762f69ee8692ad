"""One page at every tier, for the report's slider: its image, its tokens and its reading."""

from base64 import b64encode
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from optimem.evaluation.measures import UNCERTAIN, accuracy, wrong_characters
from optimem.protocols import PageCodec, Reading, Renderer
from optimem.renderers.images import page_png
from optimem.tiers import Tier

LEVELS = 9  # steps of certainty, one digit per character
PATCH = 64  # pixels of a page image that one vision token stands for


@dataclass(frozen=True)
class TierView:
    """A page at a tier. `side`: pixels; `grid`: vision tokens a side; `layout`: see `page_grid`.
    `image`: a PNG as a data URI. `certainty`: one digit per character of `text`, 9 for certain.
    `cells`: the first cell of each character, as the distance from the one before. `wrong`: "1"
    for each wrong character, else "0". `doubt`: how uncertain each token's cells are, 0 to 1.
    `right`, `marked`, `silent`: shares of the characters."""

    tier: str
    side: int
    grid: int
    layout: dict[str, float]
    tokens: int
    positions: int
    bytes: int
    right: float
    marked: float
    silent: float
    image: str
    text: str
    certainty: str
    cells: list[int]
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
        layout=page_grid(codec.renderer, tier),
        tokens=tier.tokens,
        positions=tier.positions,
        bytes=len(tokens.data),
        right=accuracy(text, reading.text),
        marked=float(unsure.sum() / size),
        silent=float((np.array(wrong, bool) & ~unsure).sum() / size),
        image="data:image/png;base64," + b64encode(page_png(page.image(tier))).decode(),
        text=reading.text,
        certainty="".join(str(int(p * LEVELS)) for p in np.clip(reading.probability, 0, 1)),
        cells=np.diff(reading.cell, prepend=0).tolist(),
        wrong="".join("01"[w] for w in wrong),
        doubt=token_doubt(reading, tier, codec),
    )


def page_grid(renderer: Renderer, tier: Tier) -> dict[str, float]:
    """Where cells are on a tier's page: how many in a row, and the place of the first and its size
    as shares of the page's side. Cells form a grid."""
    first = renderer.box(0, tier)
    below = (n for n in range(renderer.capacity) if renderer.box(n, tier).top > first.top)
    return {
        "columns": next(below, renderer.capacity),
        "left": first.left / tier.value,
        "top": first.top / tier.value,
        "width": (first.right - first.left) / tier.value,
        "height": (first.bottom - first.top) / tier.value,
    }


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
