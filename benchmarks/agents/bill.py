"""What a provider charges for the requests of an agent: prices, prefixes that were sent before and
are read from its cache, and the calls that a middleware makes on its own.

Prices are USD per million tokens, standard tier, as published on the date of the cache rules.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from langchain_core.messages import BaseMessage

from benchmarks.agents.baselines import total_tokens
from optimem.prompts.cache_rules import CacheRule, cache_rule_for

MILLION = 1_000_000


class Provider(NamedTuple):
    """A model, its prices for uncached input and for output, and where they stand."""

    model: str
    input: float
    output: float
    source: str

    @property
    def rule(self) -> CacheRule:
        """What its provider charges for cached input."""
        return cache_rule_for(self.model)


PROVIDERS = (
    Provider("gpt-5.1", 1.25, 10.0, "https://developers.openai.com/api/docs/pricing"),
    Provider("claude-opus-4-8", 5.0, 25.0, "https://platform.claude.com/docs/en/about-claude/pricing"),
    Provider("gemini-2.5-flash", 0.30, 2.50, "https://ai.google.dev/gemini-api/docs/pricing"),
    Provider("deepseek-chat", 0.28, 0.42, "https://api-docs.deepseek.com/quick_start/pricing"),
)  # fmt: skip


class OwnCall(NamedTuple):
    """A call that a middleware made on its own: tokens sent and received."""

    sent: int
    received: int


@dataclass(frozen=True)
class Traffic:
    """All requests of a conversation, in order. `sizes`: tokens of each, and how many of its first
    ones the request before it began with. `own`: the calls of a middleware."""

    sizes: Sequence[tuple[int, int]]
    own: Sequence[OwnCall] = ()

    @classmethod
    def of(
        cls, requests: Iterable[Sequence[BaseMessage]], fixed: int, own: Sequence[OwnCall] = ()
    ) -> "Traffic":
        """Of requests without what they all begin with: `fixed` tokens of tools and system prompt.
        Whole messages are compared; a provider may find a little more."""
        sizes, before, known = list[tuple[int, int]](), list[str](), _Known()
        for request in requests:
            now = [known.signature(message) for message in request]
            same = _common(before, now)
            tokens = [known.tokens(message) for message in request]
            sizes.append((fixed + sum(tokens), fixed + sum(tokens[:same]) if sizes else 0))
            before = now
        return cls(sizes, own)

    def costs(self, rule: CacheRule) -> list[float]:
        """Of each request, in uncached tokens."""
        return [rule.cost(size, prefix) for size, prefix in self.sizes]

    def cost(self, provider: Provider) -> float:
        """USD of all input, and of a middleware's own calls with their output."""
        own = sum(call.sent * provider.input + call.received * provider.output for call in self.own)
        return (sum(self.costs(provider.rule)) * provider.input + own) / MILLION

    def kept_prefixes(self) -> float:
        """Share of the requests that begin with the whole request before them."""
        pairs = list(pairwise(self.sizes))
        return sum(prefix >= size for (size, _), (_, prefix) in pairs) / max(len(pairs), 1)


class _Known:
    """Signatures and token counts of messages, each object counted once: a request repeats the
    objects of the one before it."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[BaseMessage, str, int]] = {}

    def signature(self, message: BaseMessage) -> str:
        """What tells a message from others."""
        return self._of(message)[1]

    def tokens(self, message: BaseMessage) -> int:
        """Of the message."""
        return self._of(message)[2]

    def _of(self, message: BaseMessage) -> tuple[BaseMessage, str, int]:
        key = id(message)  # stays its own: the message is kept
        if key not in self._found:
            self._found[key] = message, _signature(message), total_tokens([message])
        return self._found[key]


def _common(before: Sequence[str], now: Sequence[str]) -> int:
    """How many first entries are the same."""
    same = 0
    while same < min(len(before), len(now)) and before[same] == now[same]:
        same += 1
    return same


def _signature(message: BaseMessage) -> str:
    calls = getattr(message, "tool_calls", None)
    return json.dumps([message.type, message.content, calls], default=str)
