"""One page at every tier, for a slider: its image, its tokens, what is read of it."""

from base64 import b64encode
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein

from optimem.evaluation.measures import UNCERTAIN
from optimem.protocols import PageCodec, Reading
from optimem.renderers.images import page_png
from optimem.tiers import Tier

LEVELS = 9  # shades of certainty, one digit a character
PATCH = 64  # pixels of a page image that a vision token stands for


@dataclass(frozen=True)
class TierView:
    """A page at a tier. `image`: a PNG as a data URI. `sure`: a digit for each character of
    `text`, 9 certain, 0 not at all. `wrong`: "1" where a character is wrong, else "0".
    `grid`: tokens a side. `doubt`: for each token, how unsure its cells are, 0 to 1."""

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
    sure: str
    wrong: str
    doubt: list[float]


def views(text: str, reader: PageCodec) -> list[dict[str, Any]]:
    """The page with this text at every tier, sharpest first; JSON-ready."""
    return [asdict(view(text, tier, reader)) for tier in sorted(Tier, reverse=True)]


def view(text: str, tier: Tier, reader: PageCodec) -> TierView:
    """The page with this text at a tier."""
    page = reader.renderer.page(reader.renderer.cells(text))
    (tokens,) = reader.encoder.encode([page], tier)
    (seen,) = reader.decoder.read([tokens])
    reading = reader.renderer.text(seen)
    wrong = wrong_characters(text, reading.text)
    unsure = reading.probability < UNCERTAIN
    size = max(len(wrong), 1)
    return TierView(
        tier=tier.label, side=tier.value, grid=tier.grid, tokens=tier.tokens,
        positions=tier.positions, bytes=len(tokens.data),
        right=Levenshtein.normalized_similarity(text, reading.text),
        marked=float(unsure.sum() / size),
        silent=sum(w and not u for w, u in zip(wrong, unsure.tolist(), strict=True)) / size,
        image="data:image/png;base64," + b64encode(page_png(page.image(tier))).decode(),
        text=reading.text,
        sure="".join(str(int(p * LEVELS)) for p in np.clip(reading.probability, 0, 1)),
        wrong="".join("01"[w] for w in wrong),
        doubt=token_doubt(reading, tier, reader),
    )  # fmt: skip


def wrong_characters(truth: str, read: str) -> list[bool]:
    """For each character read, whether the shortest edit replaces or inserts it."""
    wrong = [False] * len(read)
    for edit in Levenshtein.editops(truth, read):
        if edit.tag != "delete":
            wrong[edit.dest_pos] = True
    return wrong


def token_doubt(reading: Reading, tier: Tier, reader: PageCodec) -> list[float]:
    """(grid²,) mean doubt of the characters that each vision token stands for."""
    total, count = np.zeros(tier.tokens), np.zeros(tier.tokens)
    for cell, sure in zip(reading.cell.tolist(), reading.probability.tolist(), strict=True):
        box = reader.renderer.box(cell, tier)
        token = int(box.top // PATCH) * tier.grid + int(box.left // PATCH)
        total[token] += 1 - sure
        count[token] += 1
    mean: list[float] = np.round(total / np.maximum(count, 1), 3).tolist()
    return mean
