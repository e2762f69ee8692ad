"""A prompt with pages in place of text: what stays, what it costs, and when it is refused."""

import base64
import re
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from optimem.api.prompts import compress_prompt
from optimem.errors import BudgetError, InputError, LimitError, NoGainError, ProviderError
from optimem.prompts import Limits, rule_for
from optimem.prompts.pages import PageImage, Place, listing, page_texts, values_by_page
from optimem.text.tokens import text_tokens
from optimem.turns import Turn

STORY = (
    "The keeper of the lighthouse wrote down every ship that passed, its name and the hour, and "
    "at the end of each month he read the list aloud to the gulls, who never once complained. "
)
LONG = STORY * 40 + "The berth of the Antares is /quays/north/17 and her number IMO-9431147."


def history(turns: int) -> list[dict[str, Any]]:
    said = [{"role": "system", "content": "be brief"}]
    for number in range(turns):
        said.append({"role": "user", "content": f"{number}: {STORY}"})
        said.append({"role": "assistant", "content": STORY * 2})
    return [*said, {"role": "user", "content": "which ship came last?"}]


def test_a_text_becomes_pages_and_its_exact_values_stay_text() -> None:
    made = compress_prompt(LONG, model="gpt-4o", question="Where does she lie?")
    (message,) = made.messages
    first, *images, last = message["content"]
    assert "pages" in first["text"]
    assert len(images) == made.plan.pages == len(made.pages)
    assert last["text"].endswith("Where does she lie?")
    assert "/quays/north/17" in last["text"]
    assert "IMO-9431147" in last["text"]
    data = base64.b64decode(images[0]["image_url"]["url"].partition(",")[2])
    shown = Image.open(BytesIO(data))
    assert shown.size == (made.pages[0].width, made.pages[0].height)


def test_the_plan_adds_up() -> None:
    made = compress_prompt(LONG, model="gpt-4o", question="Where?")
    plan, rule = made.plan, rule_for("gpt-4o")
    sizes = [(page.width, page.height) for page in made.pages]
    assert plan.image_tokens == sum(rule.formula.tokens(*size) for size in sizes)
    assert plan.tokens_after == plan.text_tokens + plan.image_tokens < plan.tokens_before
    assert plan.tokens_before == pytest.approx(text_tokens(LONG) + text_tokens("Where?"), abs=5)
    assert plan.price_before == pytest.approx(plan.tokens_before * 2.5e-6)
    assert plan.bytes == sum(len(page.base64) for page in made.pages)
    assert plan.model == "gpt-4o"
    assert f"{plan.tokens_before:,} → {plan.tokens_after:,}" in plan.told()


def test_messages_at_both_ends_stay_as_they_came() -> None:
    messages = history(12)
    made = compress_prompt(messages, model="gpt-4o", keep=3)
    assert made.messages[0] is messages[0]
    assert made.messages[2:] == messages[-3:]
    assert len(made.messages) == 5


def test_the_older_half_is_smaller_where_the_budget_asks_for_it() -> None:
    messages = history(20)
    wide = compress_prompt(messages, model="gpt-4o")
    tight = compress_prompt(messages, model="gpt-4o", budget=wide.plan.tokens_after * 3 // 4)
    assert tight.plan.tokens_after <= wide.plan.tokens_after * 3 // 4
    assert max(tight.plan.sizes) < max(wide.plan.sizes)
    for plan in (wide.plan, tight.plan):
        assert list(plan.sizes) == sorted(plan.sizes)


def test_no_gain_is_refused_with_the_figures() -> None:
    with pytest.raises(NoGainError, match=r"gpt-4o-mini: [\d,]+ → [\d,]+ tokens \(0\.\d+×\)"):
        compress_prompt(LONG, model="gpt-4o-mini")
    with pytest.raises(NoGainError, match="none can become a page"):
        compress_prompt([{"role": "user", "content": LONG}], model="gpt-4o")
    with pytest.raises(NoGainError):
        compress_prompt("short", model="gpt-4o")


def test_a_budget_too_small_says_what_it_takes() -> None:
    with pytest.raises(BudgetError, match=r"takes ([\d,]+)") as refused:
        compress_prompt(LONG, model="gpt-4o", budget=100)
    found = re.search(r"takes ([\d,]+)", str(refused.value))
    assert found
    least = int(found[1].replace(",", ""))
    assert compress_prompt(LONG, model="gpt-4o", budget=least).plan.tokens_after == least


def test_the_oldest_messages_are_left_out_where_that_is_asked_for() -> None:
    messages = history(40)
    with pytest.raises(BudgetError):
        compress_prompt(messages, model="gpt-4o", budget=800)
    made = compress_prompt(messages, model="gpt-4o", budget=800, leave_out=True)
    assert made.plan.tokens_after <= 800
    assert 0 < made.plan.left_out < 80
    assert f"{made.plan.left_out} still older messages" in made.messages[1]["content"][0]["text"]
    assert "37: " not in str(made.messages[2:])


def test_limits_of_the_provider_are_kept() -> None:
    rule = replace(rule_for("gpt-4o"), limits=Limits(images=1, edge=6000, bytes=1 << 20))
    with pytest.raises(LimitError, match="1 images"):
        compress_prompt(LONG * 4, model=rule)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"model": "gpt-9"}, ProviderError),
        ({"form": "xml"}, InputError),
        ({"keep": -1}, InputError),
    ],
)
def test_what_cannot_be_used_is_named(given: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        compress_prompt(history(3), **{"model": "gpt-4o", **given})


@pytest.mark.parametrize(("form", "key"), [("anthropic", "content"), ("gemini", "parts")])
def test_a_text_in_another_form(form: str, key: str) -> None:
    made = compress_prompt(LONG, model="gpt-4o", form=form)
    assert len(made.messages[0][key]) == made.plan.pages + 2


def test_the_same_prompt_gives_the_same_bytes() -> None:
    first, second = (compress_prompt(LONG, model="gemini-2.5-pro") for _ in range(2))
    assert first.messages == second.messages


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.characters(categories=["L", "N", "Z"]), min_size=1), min_size=1))
def test_the_text_of_pages_is_all_of_it(texts: list[str]) -> None:
    turns = [Turn(text=text) for text in texts]
    cuts = [Place(n, len(turn.text) // 2) for n, turn in enumerate(turns)]
    pages = [PageImage(1, 1, b"", cut, 12) for cut in cuts]
    pages.append(PageImage(1, 1, b"", Place(len(turns) - 1, len(turns[-1].text)), 12))
    shown = "".join(page_texts(turns, pages)).replace("\n", "")
    assert shown == "".join(texts).replace("\n", "")


def test_values_are_listed_once_where_they_first_stand() -> None:
    values = values_by_page(["port 8443 and 8443", "port 8443, id a1b2c3d4"])
    assert values == [["8443"], ["a1b2c3d4"]]
    assert listing(values).splitlines()[1:] == ["page 1: 8443", "page 2: a1b2c3d4"]
    assert listing([[], []]) == ""
