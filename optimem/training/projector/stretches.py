"""What a projector learns from: stretches of stored pages, with the text that stands there.

Pages are filled from random places of the texts and stored as `optimem compress` stores them; what
is learned from is what was stored. Knows no chat model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from optimem.errors import InputError, SampleError
from optimem.model.nano.page_codec import NanoCodec
from optimem.omem.text import TokenFile, read_back, write_pages
from optimem.protocols import PageCodec, Progress, Reading
from optimem.text.files import read_text_file
from optimem.tiers import Tier

AT_ONCE = 4
"""Pages whose features are computed together."""


class Source(NamedTuple):
    """A text, and how often stretches come from it, relative to the others."""

    text: str
    weight: float


class Stretch(NamedTuple):
    """Consecutive cells of a page. `features` (n, F) fp16; the `text` on them, and what `follows`
    on the same page; `cells` (len(text) + 1,) where each character begins, counted from the first,
    and where the last one ends; their share of the page's vision tokens, in `stored_bytes`."""

    features: Tensor
    text: str
    cells: NDArray[np.int64]
    follows: str
    stored_bytes: float


@dataclass(frozen=True)
class LearnedPage:
    """A page: `features` (cells, F) fp16, its text with the cell of each character, the bytes of
    its vision tokens."""

    features: Tensor
    reading: Reading
    stored_bytes: int

    def stretch(self, start: int, cells: int, following: int) -> Stretch:
        """The stretch of so many cells from `start`, with at most `following` characters more."""
        first, last = np.searchsorted(self.reading.cell, (start, start + cells)).tolist()
        part = self.features[start : start + cells]
        return Stretch(
            part,
            self.reading.text[first:last],
            np.append(self.reading.cell[first:last], start + len(part)) - start,
            self.reading.text[last : last + following],
            self.stored_bytes * len(part) / len(self.features),
        )


def read_sources(named: Sequence[str]) -> list[Source]:
    """The text of each `FILE` or `FILE=WEIGHT`, default 1. Raises InputError or TextError."""
    parts = [each.partition("=") for each in named]
    return [Source(read_text_file(Path(path)), _weight(weight)) for path, _, weight in parts]


def store_pages(
    sources: Sequence[Source],
    pages: int,
    codec: NanoCodec,
    tier: Tier,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> TokenFile:
    """Full pages from random places of texts. Raises SampleError for one that fills no page."""
    capacity = codec.renderer.capacity
    if short := [len(source.text) for source in sources if len(source.text) < capacity]:
        raise SampleError(
            f"a text of {short[0]:,} characters does not fill a page of {capacity:,} cells; give "
            "longer files"
        )
    weights = np.array([source.weight for source in sources])
    chosen = rng.choice(len(sources), pages, p=weights / weights.sum())
    cells = []
    for text in (sources[index].text for index in chosen):
        start = int(rng.integers(len(text) - capacity + 1))
        drawn = codec.renderer.cells(text[start : start + capacity])
        cells.append(drawn[: codec.renderer.split(drawn, capacity)])
    parts = PageCodec(codec.renderer, codec, codec)
    written = write_pages(cells, tier, parts, _all, progress)
    return TokenFile([each.page for each in written], tier, codec.fingerprint, complete=True)


def learn_pages(file: TokenFile, codec: NanoCodec) -> list[LearnedPage]:
    """Stored pages as the projector sees them. Errors as `Decoder.read`."""
    parts = PageCodec(codec.renderer, codec, codec)
    tokens = [page.tokens for page in file.pages]
    features = [
        torch.from_numpy(each).half()
        for start in range(0, len(tokens), AT_ONCE)
        for each in codec.cell_features(tokens[start : start + AT_ONCE])
    ]
    readings = read_back(file, range(len(tokens)), parts)
    columns = zip(features, readings, tokens, strict=True)
    return [LearnedPage(seen, read, len(stored.data)) for seen, read, stored in columns]


def _weight(text: str) -> float:
    try:
        weight = float(text or 1)
    except ValueError:
        weight = nan
    if not 0 < weight < inf:
        raise InputError(f"{text!r} is no weight of a file; give a number above 0, as in a.txt=0.5")
    return weight


def _all(reading: Reading, cells: int) -> NDArray[np.bool_]:
    return np.ones(cells, bool)
