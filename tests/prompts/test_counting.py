"""Text counted as its model counts it, and plans that claim no gain that there may not be."""

import json
from typing import Any

import pytest
from bpe_openai import get_encoding
from hypothesis import example, given, settings
from hypothesis import strategies as st

from optimem.api.prompts import compress_prompt
from optimem.errors import NoGainError
from optimem.prompts import PromptPlan, counting
from optimem.prompts.counting import DEEPSEEK, ESTIMATES, counting_for
from optimem.prompts.rules import RULES, rule_for
from optimem.text.tokens import text_tokens
from tests.prompts.test_builder import CountingDrawer

O200K = get_encoding("o200k_base").encode_ordinary
PROSE = "The keeper of the lighthouse wrote down every ship that passed, its name and the hour. "
CODE = "    for index, value in enumerate(values):\n        assert value == expected[index]\n"
TALK = "Könntest du bitte nachsehen, wann der Zug fährt? 🚆 Ja: Gleis 7, um 18:42.\n"
TEXTS = {"prose": PROSE * 40, "code": CODE * 30, "talk": TALK * 40}


def conversation(text: str) -> list[dict[str, Any]]:
    roles = ("user", "assistant")
    return [{"role": "system", "content": "be brief"}] + [
        {"role": roles[number % 2], "content": f"{number}: {text}"} for number in range(9)
    ]


def tool_talk(pairs: int) -> list[dict[str, Any]]:
    """A user's task, and pairs of a call and its result."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Fix the failing test."}]
    for number in range(pairs):
        arguments = json.dumps({"path": f"src/module_{number}.py", "pattern": "def test_.*"})
        function = {"name": "search_files", "arguments": arguments}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        found = f"{number} matches in src/module_{number}.py\n{CODE}"
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": found},
        ]
    return [*messages, {"role": "user", "content": "And now?"}]


def tokens_of(messages: list[dict[str, Any]]) -> int:
    """Of a request's text by OpenAI's cookbook: four for each message, three for the reply; of a
    call of a tool, its name and its arguments."""
    texts = list[str]()
    for message in messages:
        content = message["content"] or []
        blocks = [{"text": content}] if isinstance(content, str) else content
        texts += [block.get("text", "") for block in blocks]
        called = [call["function"] for call in message.get("tool_calls", ())]
        texts += [text for call in called for text in (call["name"], call["arguments"])]
    return sum(len(O200K(text)) for text in texts) + 4 * len(messages) + 3


def plan_of(messages: list[dict[str, Any]], **options: Any) -> PromptPlan:
    """The plan of a prompt, whether it saves or not."""
    try:
        return compress_prompt(messages, model="gpt-4o", drawer=CountingDrawer(), **options).plan
    except NoGainError as error:
        plan: PromptPlan = error.plan
        return plan


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-mini", "gpt-5.1", "gpt-5.5"])
def test_a_plan_for_openai_is_within_2_percent_of_the_tokenizer(model: str, name: str) -> None:
    messages = conversation(TEXTS[name])
    try:
        compressed = compress_prompt(messages, model=model, drawer=CountingDrawer())
        plan = compressed.plan
        assert plan.text_tokens == pytest.approx(tokens_of(compressed.messages), rel=0.02, abs=6)
    except NoGainError as error:
        plan = error.plan
    assert plan.tokens_before == pytest.approx(tokens_of(messages), rel=0.02)
    assert (plan.counter, plan.factors) == ("o200k_base", (1, 1))
    assert f"text counted by {plan.counter}" in plan.summary()


@pytest.mark.parametrize("pairs", [3, 30, 100])
def test_a_plan_of_tool_calls_is_within_2_percent_of_the_tokenizer(pairs: int) -> None:
    messages = tool_talk(pairs)
    plan = plan_of(messages)
    assert plan.tokens_before == pytest.approx(tokens_of(messages), rel=0.02)
    assert plan.tokens_before <= tokens_of(messages)


SAID = st.builds(
    lambda text, times, number: f"{number}: {text * times}",
    st.sampled_from([PROSE, CODE, TALK, "id 4f1c9a7e20, sum 83320917. "]),
    st.integers(1, 30),
    st.integers(0, 10**9),
)
TALKS = st.lists(
    st.one_of(
        SAID.map(lambda text: [{"role": "user", "content": text}]),
        st.integers(1, 12).map(lambda pairs: tool_talk(pairs)[1:-1]),
    ),
    min_size=2,
    max_size=12,
)


@given(TALKS, st.sampled_from(["gpt-4o", "gpt-4.1-mini", "gpt-5.5"]), st.sampled_from(["", "why?"]))
@example([tool_talk(60)], "gpt-4o", "")
@settings(max_examples=25, deadline=None)
def test_a_gain_in_a_plan_is_a_gain_by_the_tokenizer(
    parts: list[list[dict[str, Any]]], model: str, question: str
) -> None:
    messages = [message for part in parts for message in part]
    drawer = CountingDrawer(room=800_000)  # about what the real one fits on a page
    try:
        made = compress_prompt(messages, model=model, question=question, drawer=drawer)
    except NoGainError:
        return
    asked = len(O200K(question))
    gain = tokens_of(messages) + asked - tokens_of(made.messages) - made.plan.image_tokens
    assert 0 < made.plan.tokens_before - made.plan.tokens_after <= gain
    assert made.plan.tokens_before == pytest.approx(tokens_of(messages), rel=0.02, abs=6)


def test_what_looks_like_a_special_token_is_text() -> None:
    assert counting_for("o200k_base").least("<|endoftext|>") > 1


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_without_the_vocabulary_the_truth_lies_within_the_bounds(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "VOCABULARY_PACKAGE", "not_installed")
    estimated = counting_for("o200k_base")
    assert estimated.name == DEEPSEEK
    assert estimated.least(text) <= len(O200K(text)) <= estimated.most(text)
    plan = plan_of(conversation(text))
    assert plan.tokens_before <= tokens_of(conversation(text))
    assert plan.factors == (0.7, 1.3)
    assert plan.factor_source.startswith("measured")
    assert "text counted by deepseek × 0.7 to 1.3" in plan.summary()


def test_a_counter_of_ones_own_is_used_and_named() -> None:
    def words(text: str) -> int:
        return len(text.split())

    messages = conversation(PROSE * 60)
    plan = plan_of(messages, count=words)
    assert (plan.counter, plan.factors) == ("words", (1, 1))
    assert plan.tokens_before == sum(len(m["content"].split()) + 4 for m in messages)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.pattern)
def test_every_rule_names_a_vocabulary_with_sourced_bounds(rule: Any) -> None:
    bounds = ESTIMATES[rule.tokenizer]
    assert 0 < bounds.least <= bounds.most
    assert bounds.source


def test_claude_is_estimated_and_a_rule_without_a_vocabulary_counts_as_deepseek() -> None:
    assert rule_for("claude-opus-4-8").tokenizer == "claude-4.7"
    assert rule_for("claude-haiku-4-5").tokenizer == "claude"
    assert counting_for("claude").most(PROSE) > text_tokens(PROSE)
    assert counting_for("").most(PROSE) == counting_for("").least(PROSE) == text_tokens(PROSE)
