"""Which pages are measured: at which tier, and with how much text on each.

A ratio is text tokens per vision token. It is measured at the sharpest tier whose full page
reaches it, on pages filled with exactly that much text; a tier, on full pages. A ratio that one
corpus cannot reach is reported for that corpus; one that none reaches is an error.
"""

from collections.abc import Sequence
from math import floor, inf
from typing import NamedTuple

from optimem.errors import RatioError, SampleError
from optimem.evaluation.corpora import Corpus
from optimem.evaluation.tokenizers import Tokenizer, count_tokens, first_tokens
from optimem.protocols import Renderer
from optimem.tiers import Tier


class Setting(NamedTuple):
    """A tier, and the text tokens per vision token; None for full pages."""

    tier: Tier
    ratio: float | None

    @property
    def label(self) -> str:
        """Its name in tables."""
        return f"full {self.tier.label}" if self.ratio is None else f"{self.ratio:g}×"


class PageSample(NamedTuple):
    """A corpus at a setting: the text of each page."""

    corpus: Corpus
    setting: Setting
    texts: list[str]


class UnreachableRatio(NamedTuple):
    """A ratio that no tier reaches for a corpus: a full page at the smallest tier comes to
    `most`."""

    corpus: Corpus
    ratio: float
    most: float


def check_ratios(ratios: Sequence[float]) -> tuple[float, ...]:
    """The ratios as given. Raises RatioError for one that is not a positive number."""
    for ratio in ratios:
        if not 0 < ratio < inf:
            raise RatioError(
                f"{ratio:g} cannot be a ratio; give text tokens per vision token, such as 10"
            )
    return tuple(ratios)


def sample_pages(
    corpus: Corpus, ratios: Sequence[float], tiers: Sequence[Tier], pages: int,
    renderer: Renderer, tokenizer: Tokenizer,
) -> list[PageSample | UnreachableRatio]:  # fmt: skip
    """A corpus at each ratio and at each tier, at most `pages` pages each. Raises SampleError for
    less than a page of text."""
    full = full_pages(corpus.text, pages, renderer, corpus.name)
    page_tokens = sum(count_tokens(text, tokenizer) for text in full) / len(full)
    samples: list[PageSample | UnreachableRatio] = []
    for ratio in ratios:
        tier = sharpest_tier(ratio, page_tokens)
        if tier is None:
            samples.append(UnreachableRatio(corpus, ratio, page_tokens / min(Tier).tokens))
        else:
            count = round(ratio * tier.tokens)
            texts = [first_tokens(text, count, tokenizer) for text in full]
            samples.append(PageSample(corpus, Setting(tier, ratio), texts))
    return samples + [PageSample(corpus, Setting(tier, None), full) for tier in tiers]


def sharpest_tier(ratio: float, page_tokens: float) -> Tier | None:
    """The sharpest tier at which a page of `page_tokens` text tokens reaches `ratio`, or None."""
    reaching = [tier for tier in Tier if page_tokens / tier.tokens >= ratio]
    return max(reaching, default=None)


def full_pages(text: str, pages: int, renderer: Renderer, name: str) -> list[str]:
    """Full pages from equally spaced places in a text, at most `pages`. Raises SampleError, which
    gives `name`, for a text shorter than one page."""
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
    return [fit_to_page(text[i * step : i * step + size], renderer) for i in range(count)]


def fit_to_page(text: str, renderer: Renderer) -> str:
    """The longest start of a text, to within a hundredth, whose cells fit on a page."""
    while len(renderer.cells(text)) > renderer.capacity:
        text = text[: int(len(text) * 0.99)]
    return text


def check_reachable(samples: Sequence[PageSample | UnreachableRatio]) -> None:
    """Raises RatioError if there is a ratio that no corpus reaches."""
    reached = {each.setting.ratio for each in samples if isinstance(each, PageSample)}
    unreachable = [
        each for each in samples if isinstance(each, UnreachableRatio) and each.ratio not in reached
    ]
    if unreachable:
        best = max(unreachable, key=lambda each: each.most)
        raise RatioError(
            f"no tier reaches {best.ratio:g}×: a full page of {best.corpus.name} at "
            f"{min(Tier).label} comes to {best.most:.1f}×, the highest of all texts; ask for "
            f"{_round_down(best.most)} or less"
        )


def _round_down(ratio: float) -> str:
    """The next lower round ratio: whole, or with one decimal below 10."""
    return f"{floor(ratio * 10) / 10:g}" if ratio < 10 else f"{floor(ratio)}"
