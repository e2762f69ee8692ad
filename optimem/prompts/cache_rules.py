"""The dated table of prompt caches: what a provider charges to write and to read a prefix, how long
a prefix must be, and how long it lives.

Prices are shares of a model's price for uncached input, so that a rule holds for all models of a
family. Rules change: every row says where it was read and when, and callers can pass a
`CacheRule` of their own. Knows nothing of messages.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from optimem.prompts.model_names import spellings

CHECKED_ON = "2026-11-21"
"""When the sources of the rows were last read."""

OPENAI_GUIDE = "https://developers.openai.com/api/docs/guides/prompt-caching"
OPENAI_PRICES = "https://developers.openai.com/api/docs/pricing"
CLAUDE_GUIDE = "https://platform.claude.com/docs/en/build-with-claude/prompt-caching"
GEMINI_GUIDE = "https://ai.google.dev/gemini-api/docs/caching"
DEEPSEEK_GUIDE = "https://api-docs.deepseek.com/guides/kv_cache"
UNKNOWN = "none: the model is not in the table"


@dataclass(frozen=True)
class CacheRule:
    """How a provider charges for a prefix that it has seen before.

    `pattern`: a regular expression that matches the model's whole name. `write`, `read`: price of
    a token that is written to the cache, or read from it, as a share of an uncached one's.
    `minimum`: tokens of the shortest prefix that is cached. `block`: tokens by which a cached
    prefix grows. `life`: seconds that it lives after its last use. `breakpoints`: how many
    prefixes a request may mark; 0 if caching is automatic. `source`, `date`: where and when the
    rule was read.
    """

    pattern: str
    provider: str
    write: float
    read: float
    minimum: int
    block: int
    life: float
    source: str
    breakpoints: int = 0
    date: str = CHECKED_ON

    def cached(self, prefix: int) -> int:
        """How many tokens of a prefix that was sent before are read from the cache."""
        return prefix - prefix % self.block if prefix >= self.minimum else 0

    def cost(self, tokens: int, prefix: int = 0) -> float:
        """The price of a request in uncached tokens. `prefix`: how many of its first tokens were
        sent before, within the cache's life."""
        read = self.cached(min(prefix, tokens))
        writes = tokens >= self.minimum
        return read * self.read + (tokens - read) * (self.write if writes else 1.0)

    def hold(self, tokens: int) -> float:
        """The price of sending the same tokens once more, right after."""
        return self.cost(tokens, tokens)


def _openai(pattern: str, read: float) -> CacheRule:
    return CacheRule(pattern, "openai", 1.0, read, 1024, 128, 300.0, OPENAI_GUIDE)


def _claude(pattern: str, minimum: int) -> CacheRule:
    return CacheRule(
        pattern, "anthropic", 1.25, 0.1, minimum, 1, 300.0, CLAUDE_GUIDE, breakpoints=4
    )


def _gemini(pattern: str, read: float, minimum: int) -> CacheRule:
    return CacheRule(pattern, "gemini", 1.0, read, minimum, 1, 180.0, GEMINI_GUIDE)


_ANY = r"(-\S+)?"

CACHE_RULES: tuple[CacheRule, ...] = (
    _openai(rf"gpt-4\.1{_ANY}", 0.25),
    _openai(r"(gpt-4o|o1|o3-mini)(-\S+)?", 0.5),
    _openai(rf"(o3|o4-mini){_ANY}", 0.25),
    _openai(rf"gpt-[5-9](\.\d+)?{_ANY}", 0.1),
    _claude(r"claude-(opus|fable|mythos)-[5-9](?!\d)\S*", 512),
    _claude(r"claude-opus-4-7\S*", 2048),
    _claude(r"claude-opus-4-[56](?!\d)\S*", 4096),
    _claude(r"claude-haiku-4-5\S*", 4096),
    _claude(r"claude-(3-)?(5-)?haiku\S*", 2048),
    _claude(r"claude-\S+", 1024),
    _gemini(r"gemini-2\.5-pro\S*", 0.1, 4096),
    _gemini(r"gemini-2\.5-flash\S*", 0.1, 1024),
    _gemini(r"gemini-3\S*", 0.1, 4096),
    CacheRule(
        r"deepseek-(chat|reasoner|v\S+)", "deepseek", 1.0, 0.1, 64, 64, 3600.0, DEEPSEEK_GUIDE
    ),
)
"""The first match counts. Google and DeepSeek state no life; these are cautious."""

CAUTIOUS = CacheRule(r".*", "unknown", 1.25, 0.1, 1024, 1, 300.0, UNKNOWN)
"""For a model that no rule matches: the dearest writes and the cheapest reads of the table, so that
a plan made by it gives up a cached prefix only for a gain that holds everywhere."""


def cache_rule_for(model: str, rules: Sequence[CacheRule] = CACHE_RULES) -> CacheRule:
    """The rule of a model, by any of its names (see `model_names.spellings`); `CAUTIOUS` if no
    rule matches."""
    found = (
        rule for name in spellings(model) for rule in rules if re.fullmatch(rule.pattern, name)
    )
    return next(found, CAUTIOUS)
