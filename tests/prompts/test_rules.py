"""The table of rules against the examples that providers publish, and against itself."""

from dataclasses import replace

import pytest

from optimem.errors import ProviderError
from optimem.prompts import RULES, ModelRule, rule_for
from optimem.prompts.cache_rules import cache_rule_for
from optimem.prompts.formulas import Fixed, Patches, Scaled, VisualTokens

PUBLISHED = [
    # developers.openai.com/api/docs/guides/images-vision: tiles
    ("gpt-4o", 1024, 1024, 765),
    ("gpt-4o", 2048, 4096, 1105),
    # the same page: patches at detail high, 2,500 of them, times 1.2
    ("gpt-5.4", 1024, 1024, 1229),
    ("gpt-5.4", 2048, 2048, 3000),
    # platform.claude.com/docs/en/build-with-claude/vision: standard tier
    ("claude-haiku-4-5", 200, 200, 64),
    ("claude-haiku-4-5", 1000, 1000, 1296),
    ("claude-haiku-4-5", 1092, 1092, 1521),
    ("claude-haiku-4-5", 1920, 1080, 1560),
    ("claude-haiku-4-5", 2000, 1500, 1564),
    ("claude-haiku-4-5", 3840, 2160, 1560),
    # the same table: high-resolution tier
    ("claude-opus-5", 200, 200, 64),
    ("claude-opus-5", 1092, 1092, 1521),
    ("claude-opus-5", 1920, 1080, 2691),
    ("claude-opus-5", 2000, 1500, 3888),
    ("claude-opus-5", 3840, 2160, 4784),
    # ai.google.dev/gemini-api/docs/image-understanding: 258, and 3 × 2 crops
    ("gemini-2.5-flash", 384, 384, 258),
    ("gemini-2.5-flash", 960, 540, 6 * 258),
    # ai.google.dev/gemini-api/docs/media-resolution: the default level
    ("gemini-3-flash-preview", 4000, 100, 1120),
]


@pytest.mark.parametrize(("model", "width", "height", "tokens"), PUBLISHED)
def test_published_examples(model: str, width: int, height: int, tokens: int) -> None:
    assert rule_for(model).formula.tokens(width, height) == tokens


@pytest.mark.parametrize(
    ("model", "formula"),
    [("claude-opus-4-8", VisualTokens(2576, 4784)), ("claude-opus-4-7", VisualTokens(2576, 4784)),
     ("claude-sonnet-5-5", VisualTokens(2576, 4784)), ("claude-opus-4-6", VisualTokens(1568, 1568)),
     ("claude-sonnet-4-5-20250929", VisualTokens(1568, 1568)),
     ("claude-opus-4-20250514", VisualTokens(1568, 1568)),
     ("claude-3-5-haiku-latest", VisualTokens(1568, 1568)),
     ("openai:gpt-5.4-mini-2026-03-17", Patches(1.2, 2500))],
)  # fmt: skip
def test_a_model_gets_its_own_generation(model: str, formula: object) -> None:
    assert rule_for(model).formula == formula


@pytest.mark.parametrize(
    "model", ["llama-4", "", "gpt-4o-transcribe", "gpt-3.5-turbo", "o3-mini", "my-deployment"]
)
def test_an_unknown_model_is_named_with_the_remedy(model: str) -> None:
    with pytest.raises(ProviderError, match="pass model=ModelRule"):
        rule_for(model)


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("ft:gpt-4o-mini-2024-07-18:team::AbC123", "gpt-4o-mini"),
        ("chatgpt-4o-latest", "gpt-4o"),
        ("openai/gpt-4o:extended", "gpt-4o"),
        ("azure/gpt-4.1", "gpt-4.1"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("us.anthropic.claude-opus-4-8-v1:0", "claude-opus-4-8"),
        ("global.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
            "eu.anthropic.claude-3-7-sonnet-20250219-v1:0",
            "claude-3-7-sonnet",
        ),
        ("claude-opus-4-5@20251101", "claude-opus-4-5"),
        ("publishers/anthropic/models/claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("models/gemini-2.5-flash-001", "gemini-2.5-flash"),
        ("anthropic/claude-opus-4.8", "claude-opus-4-8"),
        ("anthropic/claude-3.5-haiku:beta", "claude-3-5-haiku"),
        ("google/gemini-3-flash-preview", "gemini-3-flash-preview"),
        ("qwen/qwen3-vl-235b-a22b-instruct:free", "qwen3-vl"),
    ],
)
def test_a_model_is_known_by_the_names_that_clouds_and_routers_give_it(
    name: str, same: str, recwarn: pytest.WarningsRecorder
) -> None:
    found, plain = rule_for(name), rule_for(same)
    assert (found.formula, found.pattern) == (plain.formula, plain.pattern)
    assert not recwarn.list
    assert cache_rule_for(name) == cache_rule_for(same)


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("gpt-7", "gpt-5"), ("gpt-5.4-mega", "gpt-5.4"), ("gpt-5.1-codex-max", "gpt-5.1"),
        ("gpt-4o-mini-search-preview", "gpt-4o-mini"), ("gemini-4-pro-preview", None),
    ],
)  # fmt: skip
def test_an_unknown_model_gets_the_nearest_by_name_with_a_warning(
    name: str, same: str | None
) -> None:
    with pytest.warns(UserWarning, match=f"no rule is known for '{name}'"):
        found = rule_for(name)
    if same:
        assert found.formula == rule_for(same).formula
        assert found.name == f"{name} (as {same})"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.pattern)
def test_each_row_is_dated_and_its_page_is_neither_refused_nor_scaled(rule: ModelRule) -> None:
    assert rule.source.startswith("https://")
    assert len(rule.date) == 10
    page = rule.page
    assert max(page.width, page.height) <= rule.limits.edge
    if isinstance(rule.formula, VisualTokens):
        assert rule.formula.resized(page.width, page.height) == (page.width, page.height)
    if isinstance(rule.formula, Patches):
        patches = -(-page.width // 32) * -(-page.height // 32)
        assert patches <= rule.formula.budget
        assert max(page.width, page.height) <= rule.formula.edge


def test_a_rule_of_ones_own() -> None:
    mine = replace(rule_for("gpt-4o"), pattern="mine-.*", formula=Fixed(100))
    assert rule_for("mine-1", [mine, *RULES]).formula.tokens(1000, 1000) == 100


def test_a_corrected_rule_says_that_it_was_measured() -> None:
    rule = rule_for("gpt-4o")
    corrected = rule.corrected(1.25, "2026-12-01")
    assert corrected.formula == Scaled(rule.formula, 1.25)
    assert corrected.date == "2026-12-01"
    assert corrected.source == f"measured, {rule.source}"


def test_a_price_that_is_unknown_stays_unknown() -> None:
    assert rule_for("gpt-4o").cost(1_000_000) == 2.5
    assert rule_for("qwen3-vl").cost(1_000_000) is None
    assert rule_for("gpt-4o").name == "gpt-4o"
    assert RULES[0].label == "gpt-5.5"
