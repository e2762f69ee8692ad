"""The size of text chosen, and what the prompt costs, with a drawer that only counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

import pytest

from optimem.errors import BudgetError, LimitError, NoGainError
from optimem.prompts import Limits, ModelRule, PageShape, rule_for
from optimem.prompts.builder import SIZES, PromptBuilder
from optimem.prompts.counting import Counting
from optimem.prompts.draft import draft_prompt
from optimem.prompts.formulas import Crops, Fixed
from optimem.prompts.pages import X_HEIGHT, PageImage, TextPosition
from optimem.turns import Turn

RULE = replace(rule_for("gpt-4o"), formula=Fixed(100), price=1.0)


@dataclass
class CountingDrawer:
    """Draws pages of 100 bytes that hold `room` / size² characters each, and counts its calls."""

    room: int = 40_000
    calls: list[int] = field(default_factory=list)

    def undrawable_scripts(self, text: str) -> frozenset[str]:
        return frozenset({"Thai"} if "ไ" in text else ())

    def __call__(self, turns: Sequence[Turn], shape: PageShape, size: int) -> list[PageImage]:
        self.calls.append(size)
        places = [TextPosition(n, i + 1) for n, t in enumerate(turns) for i in range(len(t.text))]
        step = self.room // size**2
        ends = [places[min(i + step, len(places)) - 1] for i in range(0, len(places), step)]
        return [PageImage(shape.width, shape.height, lambda: b"x" * 100, end, size) for end in ends]


def words(text: str) -> int:
    return len(text.split())


def builder(
    prompt: Any, rule: ModelRule = RULE, drawer: CountingDrawer | None = None, exact: bool = True
) -> PromptBuilder:
    draft = draft_prompt(prompt, rule, keep=1, question="and now?", form=None, count=words)
    return PromptBuilder(draft, drawer or CountingDrawer(), Counting("words", words), exact)


def conversation(turns: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"id {i:04}9999 " + "a " * 500} for i in range(turns)]


def test_the_plan_adds_up() -> None:
    prompt = builder(conversation(5)).build((10, 10))
    plan = prompt.plan
    assert plan.pages == len(prompt.pages) == 11
    assert plan.image_tokens == 1100
    assert plan.exact_values == 4
    assert plan.tokens_before == 5 * 506 + 2
    assert plan.tokens_after == plan.text_tokens + plan.image_tokens
    assert plan.price_after == pytest.approx(plan.tokens_after / 1e6)
    assert plan.bytes == sum(len(page.base64) for page in prompt.pages)
    assert plan.limits["images"] == "11 of 1500"
    assert plan.x_heights == (5.5,) * 11


def test_exact_values_are_listed_only_on_request() -> None:
    listed = builder(conversation(3)).build((8, 8))
    bare = builder(conversation(3), exact=False).build((8, 8))
    assert "page 1: id 00009999" in listed.messages[0]["content"][-1]["text"]
    assert bare.messages[0]["content"][-1]["text"] == "and now?"
    assert (bare.plan.exact_values, bare.plan.exact_tokens) == (0, 0)
    assert listed.plan.tokens_after == bare.plan.tokens_after + listed.plan.exact_tokens


def test_halves_are_drawn_at_their_own_size_and_none_twice() -> None:
    drawer = CountingDrawer()
    made = builder(conversation(9), drawer=drawer)
    plan = made.build((8, 10)).plan
    assert (min(plan.x_heights), max(plan.x_heights)) == (4.4, 5.5)
    assert list(plan.x_heights) == sorted(plan.x_heights)
    made.build((8, 10))
    made.build((8, 8))
    assert drawer.calls == [8, 10, 8]


def test_the_largest_text_within_the_budget_is_chosen() -> None:
    made = builder(conversation(9))
    costs = {sizes: made.build(sizes).plan.tokens_after for sizes in SIZES}
    assert list(costs.values()) == sorted(costs.values(), reverse=True)
    for sizes, cost in list(costs.items())[-3:]:
        plan = made.build_within(cost, leave_out=False).plan
        assert (min(plan.x_heights), max(plan.x_heights)) == tuple(
            round(size * X_HEIGHT, 1) for size in sizes
        )
        assert plan.tokens_after == cost


def test_without_a_budget_text_stays_readable() -> None:
    plan = builder(conversation(9)).build_readable().plan
    assert plan.legible
    assert min(plan.x_heights) >= 5.5
    assert "may be misread" not in plan.summary()


def test_what_gains_nothing_is_refused_with_its_plan() -> None:
    dear = replace(RULE, formula=Fixed(1000))
    with pytest.raises(NoGainError, match=r"would save nothing: gpt-4o: .*give a bud") as error:
        builder(conversation(5), dear).build_readable()
    assert error.value.plan.tokens_after > error.value.plan.tokens_before
    with pytest.raises(NoGainError, match="send the text"):
        builder(conversation(5), dear).build_within(10**6, leave_out=True)


def test_a_budget_too_small_is_refused_or_met_without_the_oldest() -> None:
    made = builder(conversation(20))
    with pytest.raises(BudgetError, match="a budget of 2,000 tokens is too small") as error:
        made.build_within(2000, leave_out=False)
    assert error.value.plan.tokens_after > 2000
    prompt = made.build_within(2000, leave_out=True)
    assert prompt.plan.tokens_after <= 2000
    left_out = prompt.plan.left_out
    assert 0 < left_out < 19
    assert f"{left_out} still older messages" in prompt.messages[0]["content"][0]["text"]
    assert f"id {left_out:04}" in prompt.messages[0]["content"][-1]["text"]
    assert f"id {left_out - 1:04}" not in prompt.messages[0]["content"][-1]["text"]


@pytest.mark.parametrize("limits", [Limits(3, 6000, 1 << 20), Limits(99, 6000, 2000)])
def test_more_than_the_provider_takes_is_refused(limits: Limits) -> None:
    with pytest.raises(LimitError, match="are more than openai takes in a request"):
        builder(conversation(9), replace(RULE, limits=limits)).build_within(2500, leave_out=False)


def test_text_is_as_large_as_asked_in_the_pixels_that_the_model_sees() -> None:
    draft = draft_prompt(conversation(9), RULE, keep=1, question="", form=None, count=words)
    counting = Counting("words", words)
    for least in (4.0, 5.0, 6.0):
        made = PromptBuilder(draft, CountingDrawer(), counting, True, least).build_readable()
        assert least <= min(made.plan.x_heights)
    with pytest.raises(NoGainError, match="give a smaller x_height, or"):
        PromptBuilder(draft, CountingDrawer(), counting, True, 9.9).build_readable()


def test_pages_that_the_provider_scales_down_have_larger_text() -> None:
    rule = replace(RULE, formula=Crops(), page=PageShape(1536, 1536, trim=False))
    drawer = CountingDrawer()
    plan = builder(conversation(9), rule, drawer).build((10, 10)).plan
    assert set(drawer.calls) == {ceil(10 / 0.75)}
    assert min(plan.x_heights) == pytest.approx(5.5, abs=0.25)


def test_small_text_is_said_to_be_small() -> None:
    plan = builder(conversation(9)).build((8, 8)).plan
    assert not plan.legible
    assert "x-height of 4.4 px (small: may be misread)" in plan.summary()


def test_a_refusal_names_what_would_help() -> None:
    made = builder(conversation(9))
    smallest = made.build(SIZES[-1]).plan
    with pytest.raises(BudgetError, match=r"exact=False to save \d+ tokens, leave_out=True"):
        made.build_within(smallest.tokens_after - smallest.exact_tokens, leave_out=False)


def test_exact_values_cost_at_most_a_third_of_the_gain() -> None:
    prompt = [
        {"role": "user", "content": f"k {number} " * 2} for number in range(10**6, 10**6 + 900)
    ]
    bare = builder(prompt, exact=False).build((10, 10)).plan
    plan = builder(prompt).build((10, 10)).plan
    assert bare.tokens_before - bare.tokens_after > 600
    assert 0 < plan.exact_tokens <= (bare.tokens_before - bare.tokens_after) / 3
    assert plan.exact_tokens == plan.tokens_after - bare.tokens_after
    assert plan.exact_values + plan.exact_left_out == 899
    assert f"{plan.exact_values} of 899 exact values as text" in plan.summary()
    assert "all would cost more than 33% of the saving" in plan.summary()


def test_exact_values_never_turn_a_gain_into_a_loss() -> None:
    bare = builder(conversation(9), exact=False).build((10, 10)).plan
    pages = bare.pages
    dear = replace(RULE, formula=Fixed((bare.tokens_before - bare.text_tokens) // pages))
    plan = builder(conversation(9), dear).build((10, 10)).plan
    assert plan.tokens_after < plan.tokens_before
    assert plan.exact_left_out > 0


def test_no_page_of_a_refused_prompt_is_drawn() -> None:
    drawn: list[int] = []

    class Drawer(CountingDrawer):
        def __call__(self, turns: Sequence[Turn], shape: PageShape, size: int) -> list[PageImage]:
            pages = super().__call__(turns, shape, size)
            return [replace(page, draw=lambda: drawn.append(size) or b"x") for page in pages]

    with pytest.raises(BudgetError):
        builder(conversation(9), drawer=Drawer()).build_within(600, leave_out=False)
    assert drawn == []
    prompt = builder(conversation(9), drawer=Drawer()).build_readable()
    assert len(drawn) == len(prompt.pages)
