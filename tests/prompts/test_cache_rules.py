"""What a prefix costs that a provider has seen before."""

import pytest

from optimem.prompts.cache_rules import CACHE_RULES, CAUTIOUS, CacheRule, cache_rule_for


@pytest.mark.parametrize(
    ("model", "write", "read", "minimum"),
    [("gpt-5.1", 1.0, 0.1, 1024), ("openai:gpt-5-mini-2025-08-07", 1.0, 0.1, 1024),
     ("gpt-4.1-mini", 1.0, 0.25, 1024), ("gpt-4o-2024-08-06", 1.0, 0.5, 1024),
     ("claude-opus-4-5-20251101", 1.25, 0.1, 4096), ("claude-opus-4-8", 1.25, 0.1, 1024),
     ("claude-opus-5", 1.25, 0.1, 512), ("anthropic:claude-sonnet-4-5", 1.25, 0.1, 1024),
     ("us.anthropic.claude-haiku-4-5-20251001-v1:0", 1.25, 0.1, 4096),
     ("claude-3-5-haiku-latest", 1.25, 0.1, 2048), ("gemini-2.5-flash", 1.0, 0.1, 1024),
     ("gemini-3-pro-preview", 1.0, 0.1, 4096), ("deepseek-chat", 1.0, 0.1, 64)],
)  # fmt: skip
def test_the_rule_of_a_model(model: str, write: float, read: float, minimum: int) -> None:
    rule = cache_rule_for(model)
    assert (rule.write, rule.read, rule.minimum) == (write, read, minimum)


def test_an_unknown_model_is_planned_for_with_caution() -> None:
    assert cache_rule_for("my-own-model") is CAUTIOUS
    assert max(rule.write for rule in CACHE_RULES) <= CAUTIOUS.write
    assert min(rule.read for rule in CACHE_RULES) >= CAUTIOUS.read


def test_every_rule_says_where_and_when_it_was_read() -> None:
    assert all(rule.source.startswith("https://") and rule.date for rule in CACHE_RULES)


RULE = CacheRule("m", "p", write=1.25, read=0.1, minimum=1024, block=128, life=300.0, source="")


def test_a_prefix_is_read_in_whole_blocks_and_the_rest_written() -> None:
    assert RULE.cost(2000) == 2500
    assert RULE.cost(2000, 1500) == pytest.approx(1408 * 0.1 + 592 * 1.25)
    assert RULE.hold(2000) == RULE.cost(2000, 2000)


def test_a_short_prefix_is_not_cached_and_costs_as_if_there_were_no_cache() -> None:
    assert RULE.cost(1000, 1000) == 1000
    assert RULE.cached(1023) == 0
    assert RULE.cached(1024) == 1024
