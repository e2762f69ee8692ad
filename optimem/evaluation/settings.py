"""At which tier, and with how much text on a page, a ratio is measured.

A ratio is text tokens per vision token. The sharpest tier whose full page reaches it is taken
and filled with just so much text; a tier alone is measured with full pages.
"""

from collections.abc import Sequence
from typing import NamedTuple

from optimem.errors import RatioError, SampleError
from optimem.evaluation.kinds import Kind
from optimem.evaluation.tokenizer import Counter, first_tokens
from optimem.protocols import Renderer
from optimem.tiers import Tier


class Setting(NamedTuple):
    """What is measured: a tier, and text tokens per vision token, None for full pages."""

    tier: Tier
    ratio: float | None

    @property
    def label(self) -> str:
        """How tables call it."""
        return f"full {self.tier.label}" if self.ratio is None else f"{self.ratio:g}×"


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


def tier_for(ratio: float, page_tokens: float) -> Tier:
    """The sharpest tier whose full page holds `ratio` text tokens per vision token. Raises
    RatioError if none does, or for a ratio that is not positive."""
    if ratio <= 0:
        raise RatioError(f"{ratio:g} is no ratio; give text tokens per vision token, such as 10")
    for tier in sorted(Tier, reverse=True):
        if page_tokens / tier.tokens >= ratio:
            return tier
    most = page_tokens / min(Tier).tokens
    raise RatioError(
        f"no tier reaches {ratio:g}× for this text: a full page of it at {min(Tier).label} "
        f"comes to {most:.1f}×; ask for {int(most)} or less"
    )


def samples(
    kind: Kind, ratios: Sequence[float], tiers: Sequence[Tier], pages: int,
    renderer: Renderer, tokens: Counter,
) -> list[Sample]:  # fmt: skip
    """All that is measured of one kind of text. Raises SampleError and RatioError."""
    full = full_pages(kind.text, pages, renderer, kind.name)
    mean = sum(len(tokens.ends(text)) for text in full) / len(full)
    chosen = [Setting(tier_for(ratio, mean), ratio) for ratio in ratios]
    found = [
        Sample(kind, s, [first_tokens(t, round((s.ratio or 0) * s.tier.tokens), tokens)
                         for t in full])
        for s in chosen
    ]  # fmt: skip
    return found + [Sample(kind, Setting(tier, None), full) for tier in tiers]
