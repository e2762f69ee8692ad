"""A rule corrected by what a provider counts."""

import datetime

import pytest

from optimem.api.prompts import calibrate, compress_prompt
from optimem.errors import InputError
from optimem.prompts import rule_for
from optimem.prompts.pages import PageImage


def test_a_measured_count_corrects_the_rule() -> None:
    seen: list[PageImage] = []

    def measure(page: PageImage) -> int:
        seen.append(page)
        return 1000

    done = calibrate("gpt-4o", measure, today=datetime.date(2026, 11, 21))
    assert seen[0].png.startswith(b"\x89PNG")
    assert done.expected == rule_for("gpt-4o").formula.tokens(seen[0].width, seen[0].height)
    assert done.factor == 1000 / done.expected
    assert done.rule.formula.tokens(seen[0].width, seen[0].height) == 1000
    assert done.rule.date == "2026-11-21"
    assert "measured" in done.rule.source


def test_a_corrected_rule_prices_prompts() -> None:
    text = "Every word of this is drawn and priced. " * 300
    usual = compress_prompt(text, model="gpt-4o", budget=2000).plan
    dearer = calibrate("gpt-4o", lambda page: 900).rule
    assert compress_prompt(text, model=dearer, budget=3000).plan.rule_source != usual.rule_source


def test_a_count_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="measure returned 0"):
        calibrate("gpt-4o", lambda page: 0)
