"""What a request would have cost as it came, and what it costs as it is sent: by our own count of
its tokens, and by the provider's where it reports one.

What is said of the request as it came favours it: whatever the request before it began with counts
as cached as long as the provider's cache lives, whether or not the provider would have kept it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import NamedTuple

from optimem.memory.caching import LRU
from optimem.prompts.cache_rules import CacheRule
from optimem.proxy.usage import Usage

CONVERSATIONS = 1024
"""Of which the last request is known."""
MILLION = 1_000_000


class Prices(NamedTuple):
    """`rule`: shares of the price of an uncached token. `million`: USD of a million of those; None
    if unknown."""

    rule: CacheRule
    million: float | None

    def estimated(self, usage: Usage) -> float:
        """The price of a request in uncached tokens, by the rule of the cache."""
        return self.rule.cost(usage.tokens, usage.cached)

    def reported(self, usage: Usage) -> float:
        """The same by what the provider has read and written."""
        plain = usage.tokens - usage.cached - usage.written
        return usage.cached * self.rule.read + usage.written * self.rule.write + plain

    def usd(self, uncached: float) -> float | None:
        """A price in USD."""
        return None if self.million is None else uncached * self.million / MILLION


@dataclass(frozen=True)
class Tally:
    """A request and its price. `model`, `mode`: of it. `before`, `after`: its tokens as it came and
    as it is sent; `cost_before`, `cost_after`: in uncached tokens. `reported`: whether the
    provider has said so."""

    model: str
    mode: str
    prices: Prices
    before: Usage
    after: Usage
    shortened: bool
    reported: bool = False

    @property
    def cost_before(self) -> float:
        """Of the request as it came."""
        return self.prices.estimated(self.before)

    @property
    def cost_after(self) -> float:
        """Of the request as it was sent."""
        if self.reported:
            return self.prices.reported(self.after)
        return self.prices.estimated(self.after)

    def with_usage(self, usage: Usage | None) -> "Tally":
        """The same by what the provider says it has counted; what was saved is our own count."""
        if usage is None:
            return self
        if not self.shortened:
            return replace(self, before=usage, after=usage, reported=True)
        tokens = max(usage.tokens + self.before.tokens - self.after.tokens, 0)
        before = Usage(tokens, min(self.before.cached, tokens))
        return replace(self, before=before, after=usage, reported=True)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """As headers of the answer."""
        usd = self.prices.usd
        given: dict[str, object] = {
            "mode": self.mode if self.shortened else "off",
            "usage": "reported" if self.reported else "estimated",
            "tokens-before": self.before.tokens,
            "cached-before": self.before.cached,
            "tokens-after": self.after.tokens,
            "cached-after": self.after.cached,
        }
        for name, cost in (("cost-before", self.cost_before), ("cost-after", self.cost_after)):
            if (price := usd(cost)) is not None:
                given[name] = f"{price:.6f}"
        return [
            (f"x-optimem-{name}".encode(), f"{value}".encode()) for name, value in given.items()
        ]


class Sized(NamedTuple):
    """A request's parts in order: what tells each from others, and its tokens."""

    names: Sequence[str]
    tokens: Sequence[int]

    @property
    def total(self) -> int:
        """Tokens of all."""
        return sum(self.tokens)

    def begins_like(self, other: "Sized") -> int:
        """Tokens of the first parts that are the same."""
        same = 0
        for mine, others, tokens in zip(self.names, other.names, self.tokens, strict=False):
            if mine != others:
                break
            same += tokens
        return same


class _Last(NamedTuple):
    time: float
    before: Sized
    after: Sized


class Requests:
    """The last request of each conversation, from which the next one's cached tokens are told."""

    def __init__(self) -> None:
        self._last: LRU[tuple[object, ...], _Last] = LRU(CONVERSATIONS)
        self._lock = Lock()

    def next(
        self, key: tuple[object, ...], rule: CacheRule, before: Sized, after: Sized, now: float
    ) -> tuple[Usage, Usage]:
        """A request of a conversation, as it came and as it is sent, at a time in seconds."""
        with self._lock:
            last = self._last.get(key)
            self._last.put(key, _Last(now, before, after))
        if last is None or now - last.time > rule.life:
            return Usage(before.total, 0), Usage(after.total, 0)
        return (
            Usage(before.total, _cached(rule, before.begins_like(last.before))),
            Usage(after.total, _cached(rule, after.begins_like(last.after))),
        )


def _cached(rule: CacheRule, prefix: int) -> int:
    """Tokens that are read from the cache; none where that is no cheaper."""
    return rule.cached(prefix) if rule.read < 1 else 0
