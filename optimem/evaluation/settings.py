"""At which tier, and with how much text on a page, a ratio is measured.

A ratio is text tokens per vision token. The sharpest tier whose full page reaches it is taken
and filled with just so much text; a tier alone is measured with full pages. A ratio that one
kind of text cannot reach is said of that kind; one that none reaches is an error.

What a run measures and with what, and what two runs must share to share results.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, inf
from typing import Any, NamedTuple

from optimem.errors import RatioError, SampleError
from optimem.evaluation.baselines import Baseline
from optimem.evaluation.kinds import Kind
from optimem.evaluation.tokenizers import Counter, first_tokens
from optimem.protocols import PageCodec, Renderer
from optimem.tiers import Tier


class Setting(NamedTuple):
    """What is measured: a tier, and text tokens per vision token, None for full pages."""

    tier: Tier
    ratio: float | None

    @property
    def label(self) -> str:
        """How tables call it."""
        return f"full {self.tier.label}" if self.ratio is None else f"{self.ratio:g}×"


class Unreached(NamedTuple):
    """A ratio that no tier reaches for a kind of text: a full page of it comes to `most` at the
    smallest tier."""

    kind: Kind
    ratio: float
    most: float


class Sample(NamedTuple):
    """A kind of text at a setting: one text a page."""

    kind: Kind
    setting: Setting
    texts: list[str]


def full_pages(text: str, pages: int, renderer: Renderer, name: str) -> list[str]:
    """Full pages of text from equally spaced places, at most `pages`. Raises SampleError for
    text shorter than one page."""
    probe = text[: 2 * renderer.capacity]
    cells = renderer.cells(probe)
    if len(cells) < renderer.capacity:
        raise SampleError(
            f"{name} fills {len(cells):,} cells and a page has {renderer.capacity:,}; give a "
            "longer text, or join several files into one"
        )
    size = max(int(len(probe) / len(cells) * renderer.capacity), 1)
    count = min(max(len(text) // size, 1), pages)
    step = max(len(text) - size, 0) // max(count - 1, 1)
    return [fitting(text[i * step : i * step + size], renderer) for i in range(count)]


def fitting(text: str, renderer: Renderer) -> str:
    """The longest start of a text, to within a hundredth, whose cells fit on a page."""
    while len(renderer.cells(text)) > renderer.capacity:
        text = text[: int(len(text) * 0.99)]
    return text


def checked_ratios(ratios: Sequence[float]) -> tuple[float, ...]:
    """The ratios. Raises RatioError for one that is not a positive number."""
    for ratio in ratios:
        if not 0 < ratio < inf:
            raise RatioError(
                f"{ratio:g} is no ratio; give text tokens per vision token, such as 10"
            )
    return tuple(ratios)


def tier_for(ratio: float, page_tokens: float) -> Tier | None:
    """The sharpest tier whose full page holds `ratio` text tokens per vision token, or None."""
    reaching = [tier for tier in Tier if page_tokens / tier.tokens >= ratio]
    return max(reaching, default=None)


def samples(
    kind: Kind, ratios: Sequence[float], tiers: Sequence[Tier], pages: int,
    renderer: Renderer, tokens: Counter,
) -> list[Sample | Unreached]:  # fmt: skip
    """All that is measured of one kind of text, and the ratios that it cannot reach. Raises
    SampleError."""
    full = full_pages(kind.text, pages, renderer, kind.name)
    mean = sum(len(tokens.ends(text)) for text in full) / len(full)
    found: list[Sample | Unreached] = []
    for ratio in ratios:
        tier = tier_for(ratio, mean)
        if tier is None:
            found.append(Unreached(kind, ratio, mean / min(Tier).tokens))
        else:
            count = round(ratio * tier.tokens)
            texts = [first_tokens(text, count, tokens) for text in full]
            found.append(Sample(kind, Setting(tier, ratio), texts))
    return found + [Sample(kind, Setting(tier, None), full) for tier in tiers]


def demand_reached(found: Sequence[Sample | Unreached]) -> None:
    """Raises RatioError if there is a ratio that no kind of text reaches."""
    reached = {each.setting.ratio for each in found if isinstance(each, Sample)}
    missed = [each for each in found if isinstance(each, Unreached) and each.ratio not in reached]
    if missed:
        best = max(missed, key=lambda each: each.most)
        raise RatioError(
            f"no tier reaches {best.ratio:g}×: a full page of {best.kind.name} at "
            f"{min(Tier).label} comes to {best.most:.1f}×, and nothing here to more; ask for "
            f"{rounded_down(best.most)} or less"
        )


def rounded_down(ratio: float) -> str:
    """A ratio that is reached if this one is: whole, or with one decimal below 10."""
    return f"{floor(ratio * 10) / 10:g}" if ratio < 10 else f"{floor(ratio)}"


@dataclass(frozen=True)
class Plan:
    """A run. `asked`: baselines as the user wrote them, a checkpoint included; `baselines`:
    the same by name, ready for use. `pages`: of each kind at most."""

    texts: list[Kind]
    ratios: tuple[float, ...]
    tiers: tuple[Tier, ...]
    pages: int
    asked: tuple[str, ...]
    baselines: Mapping[str, Baseline]
    tokens: Counter
    seed: int
    reader: PageCodec

    def identity(self) -> dict[str, Any]:
        """What two runs must share to share results."""
        digest = hashlib.blake2b(digest_size=8)
        for kind in self.texts:
            digest.update(f"{kind.name}\0{kind.text}\0".encode())
        return {
            "texts": digest.hexdigest(),
            "model": self.reader.encoder.fingerprint,
            "renderer": self.reader.renderer.version,
            "tokenizer": self.tokens.name,
            "ratios": list(self.ratios),
            "tiers": [tier.label for tier in self.tiers],
            "pages": self.pages,
            "baselines": list(self.asked),
            "seed": self.seed,
        }
