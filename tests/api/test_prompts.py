"""Prompts with pages in place of text, drawn for real: what stays, what it costs, when it is
refused; and a rule corrected by what a provider counts."""

import base64
import datetime
import re
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from optimem.api.prompts import calibrate, compress_prompt
from optimem.errors import BudgetError, InputError, LimitError, NoGainError, ProviderError
from optimem.prompts import Limits, rule_for
from optimem.prompts.counting import counting_for
from optimem.prompts.pages import PageImage

STORY = (
    "The keeper of the lighthouse wrote down every ship that passed, its name and the hour, and "
    "at the end of each month he read the list aloud to the gulls, who never once complained. "
)
LONG = STORY * 40 + "The berth of the Antares is /quays/north/17 and her number IMO-9431147."


def history(turns: int) -> list[dict[str, Any]]:
    messages = [{"role": "system", "content": "be brief"}]
    for number in range(turns):
        messages.append({"role": "user", "content": f"{number}: {STORY}"})
        messages.append({"role": "assistant", "content": STORY * 2})
    return [*messages, {"role": "user", "content": "which ship came last?"}]


def test_a_text_becomes_pages_and_its_exact_values_stay_text() -> None:
    compressed = compress_prompt(LONG, model="gpt-4o", question="Where does she lie?")
    (message,) = compressed.messages
    first, *images, last = message["content"]
    assert "pages" in first["text"]
    assert len(images) == compressed.plan.pages == len(compressed.pages)
    assert last["text"].endswith("Where does she lie?")
    assert "and her number IMO-9431147" in last["text"]
    assert "/quays/north/17" not in last["text"]  # no reader gets it wrong
    data = base64.b64decode(images[0]["image_url"]["url"].partition(",")[2])
    shown = Image.open(BytesIO(data))
    assert shown.size == (compressed.pages[0].width, compressed.pages[0].height)


def test_the_plan_adds_up() -> None:
    compressed = compress_prompt(LONG, model="gpt-4o", question="Where?")
    plan, rule = compressed.plan, rule_for("gpt-4o")
    count = counting_for(rule.tokenizer).count
    sizes = [(page.width, page.height) for page in compressed.pages]
    assert plan.image_tokens == sum(rule.formula.tokens(*size) for size in sizes)
    assert plan.tokens_after == plan.text_tokens + plan.image_tokens < plan.tokens_before
    assert plan.tokens_before == pytest.approx(count(LONG) + count("Where?"), abs=5)
    assert plan.price_before == pytest.approx(plan.tokens_before * 2.5e-6)
    assert plan.bytes == sum(len(page.base64) for page in compressed.pages)
    assert plan.model == "gpt-4o"
    assert f"{plan.tokens_before:,} → {plan.tokens_after:,}" in plan.summary()


def test_messages_at_both_ends_stay_as_they_came() -> None:
    messages = history(12)
    compressed = compress_prompt(messages, model="gpt-4o", keep=3)
    assert compressed.messages[0] is messages[0]
    assert compressed.messages[2:] == messages[-3:]
    assert len(compressed.messages) == 5


def test_a_tight_budget_makes_the_older_half_smaller() -> None:
    messages = history(20)
    wide = compress_prompt(messages, model="gpt-4o")
    tight = compress_prompt(messages, model="gpt-4o", budget=wide.plan.tokens_after * 3 // 4)
    assert tight.plan.tokens_after <= wide.plan.tokens_after * 3 // 4
    assert max(tight.plan.x_heights) < max(wide.plan.x_heights)
    for plan in (wide.plan, tight.plan):
        assert list(plan.x_heights) == sorted(plan.x_heights)


def test_no_gain_is_refused_with_the_figures() -> None:
    with pytest.raises(NoGainError, match=r"gpt-4o-mini: [\d,]+ → [\d,]+ tokens \(0\.\d+×\)"):
        compress_prompt(LONG, model="gpt-4o-mini")
    with pytest.raises(NoGainError, match="none can become a page"):
        compress_prompt([{"role": "user", "content": LONG}], model="gpt-4o")
    with pytest.raises(NoGainError):
        compress_prompt("short", model="gpt-4o")


def test_a_budget_too_small_says_what_is_needed() -> None:
    with pytest.raises(BudgetError, match=r"takes ([\d,]+)") as refused:
        compress_prompt(LONG, model="gpt-4o", budget=100)
    found = re.search(r"takes ([\d,]+)", str(refused.value))
    assert found
    least = int(found[1].replace(",", ""))
    assert compress_prompt(LONG, model="gpt-4o", budget=least).plan.tokens_after == least


def test_the_oldest_messages_are_left_out_on_request() -> None:
    messages = history(40)
    with pytest.raises(BudgetError):
        compress_prompt(messages, model="gpt-4o", budget=800)
    compressed = compress_prompt(messages, model="gpt-4o", budget=800, leave_out=True)
    assert compressed.plan.tokens_after <= 800
    assert 0 < compressed.plan.left_out < 80
    note = compressed.messages[1]["content"][0]["text"]
    assert f"{compressed.plan.left_out} still older messages" in note
    assert "37: " not in str(compressed.messages[2:])


def test_more_than_the_provider_takes_is_refused() -> None:
    rule = replace(rule_for("gpt-4o"), limits=Limits(images=1, edge=6000, bytes=1 << 20))
    with pytest.raises(LimitError, match="1 images"):
        compress_prompt(LONG * 4, model=rule)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"model": "llama-4"}, ProviderError),
        ({"form": "xml"}, InputError),
        ({"keep": -1}, InputError),
    ],
)
def test_invalid_arguments_are_named(given: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        compress_prompt(history(3), **{"model": "gpt-4o", **given})


@pytest.mark.parametrize(("form", "key"), [("anthropic", "content"), ("gemini", "parts")])
def test_a_text_in_another_form(form: str, key: str) -> None:
    compressed = compress_prompt(LONG, model="gpt-4o", form=form)
    assert len(compressed.messages[0][key]) == compressed.plan.pages + 2


def test_the_same_prompt_gives_the_same_bytes() -> None:
    first, second = (compress_prompt(LONG * 4, model="gemini-2.5-pro") for _ in range(2))
    assert first.messages == second.messages


def test_a_measured_count_corrects_the_rule() -> None:
    measured: list[PageImage] = []

    def measure(page: PageImage) -> int:
        measured.append(page)
        return 1000

    done = calibrate("gpt-4o", measure, today=datetime.date(2026, 11, 21))
    (page,) = measured
    assert page.png.startswith(b"\x89PNG")
    assert done.expected == rule_for("gpt-4o").formula.tokens(page.width, page.height)
    assert done.factor == 1000 / done.expected
    assert done.rule.formula.tokens(page.width, page.height) == 1000
    assert done.rule.date == "2026-11-21"
    assert "measured" in done.rule.source


def test_a_corrected_rule_prices_prompts() -> None:
    text = "Every word of this is drawn and priced. " * 300
    usual = compress_prompt(text, model="gpt-4o", budget=2000).plan
    dearer = calibrate("gpt-4o", lambda page: 900).rule
    assert compress_prompt(text, model=dearer, budget=3000).plan.rule_source != usual.rule_source


def test_a_count_of_zero_is_refused() -> None:
    with pytest.raises(InputError, match="measure returned 0"):
        calibrate("gpt-4o", lambda page: 0)
