"""How many tokens a text costs, model by model: counted by the model's own vocabulary where one is
at hand, else estimated between two bounds from the count of a vocabulary that always is.

Bounds are stated with their source. A plan counts the text that pages replace by the lower bound
and the text that it adds by the upper, so that no gain is claimed where there may be a loss.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from math import ceil, floor

from optimem.text.tokens import text_tokens

TokenCounter = Callable[[str], int]
"""Counts the tokens of a text."""

DEEPSEEK = "deepseek"
VOCABULARY_PACKAGE = "bpe_openai"
"""Holds OpenAI's vocabularies, the one that tiktoken downloads among them."""


@dataclass(frozen=True)
class Estimate:
    """Tokens of a vocabulary as a share of DeepSeek's, at least and at most; 1 and 1 are exact.
    `source`: where the bounds are from."""

    least: float
    most: float
    source: str


EXACT = Estimate(1.0, 1.0, "counted")
ESTIMATES = {
    "o200k_base": Estimate(0.70, 1.30, "measured: python -m benchmarks.tokens"),
    "qwen3": Estimate(0.80, 1.20, "0.92 to 1.14 with the vocabulary of quicktok-v1 0.4.0"),
    "claude": Estimate(
        0.85, 1.60, "16 to 30 % more than o200k_base (VentureBeat, 2025-05-01)"
    ),
    "claude-4.7": Estimate(
        0.85, 2.30, "1 to 1.35 times claude (Anthropic), 1.47 measured (claudecodecamp.com)"
    ),
    "gemini": Estimate(
        0.65, 1.40, "about 4 characters a token (ai.google.dev/gemini-api/docs/tokens)"
    ),
}  # fmt: skip
"""By vocabulary. OpenAI's bounds span every part of 2,000 characters of prose, chat, code, ten
languages and CJK; Qwen's, nine whole corpora with a margin; the others are estimates. Indic
scripts, for which DeepSeek has few tokens, may fall below them."""


@dataclass(frozen=True)
class Counting:
    """How a prompt's text is counted: by the tokenizer called `name`, times bounds.

    `least`: counts what pages replace; `most`: what is added beside them.
    """

    name: str
    count: TokenCounter
    estimate: Estimate = EXACT

    def least(self, text: str) -> int:
        """The fewest tokens that a text can cost."""
        return floor(self.count(text) * self.estimate.least)

    def most(self, text: str) -> int:
        """The most tokens that a text can cost."""
        return ceil(self.count(text) * self.estimate.most)


def counting_for(vocabulary: str, count: TokenCounter | None = None) -> Counting:
    """How to count for a vocabulary: by `count` if given, by the vocabulary itself if it is
    installed, else by DeepSeek's tokenizer between the bounds that are known."""
    if count is not None:
        return Counting(getattr(count, "__name__", type(count).__name__), count)
    if vocabulary == "o200k_base" and find_spec(VOCABULARY_PACKAGE):
        return Counting(vocabulary, partial(_openai_tokens, vocabulary))
    return Counting(DEEPSEEK, text_tokens, ESTIMATES.get(vocabulary, EXACT))


def _openai_tokens(vocabulary: str, text: str) -> int:
    return len(_openai_vocabulary(vocabulary)(text))


@cache
def _openai_vocabulary(name: str) -> Callable[[str], list[int]]:
    """Encodes text, in which nothing is a special token."""
    from bpe_openai import get_encoding

    encode: Callable[[str], list[int]] = get_encoding(name).encode_ordinary
    return encode
