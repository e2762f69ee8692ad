"""The table of what prompts cost as pages."""

import re

from benchmarks.drawing import compare
from benchmarks.prompts import MODELS, SMALLEST, describe, table_header, table_row
from optimem.prompts import rule_for

TEXT = "The keeper wrote down eleven boats before the storm came in from the west. " * 300


def test_the_smallest_text_costs_least() -> None:
    plans = (describe(TEXT, "claude-opus-4-8", budget) for budget in (None, SMALLEST))
    usual, smallest = (float(plan.split("×")[0]) for plan in plans)
    assert 1 < usual < smallest


def test_a_prompt_that_gains_nothing_is_marked() -> None:
    assert describe("Two words.", "gpt-4o", None).endswith("px (refused)")


def test_every_text_has_two_columns() -> None:
    header, rule = table_header(["a", "b"]).split("\n")
    row = table_row("qwen3-vl", [TEXT, TEXT])
    assert header.count("|") == rule.count("|") == row.count("|") == 7
    assert "a: usual | a: smallest | b: usual" in header
    assert len(re.findall(r"[\d.]+× at [\d.]+ px", row)) == 4


def test_every_model_has_a_rule() -> None:
    assert all(rule_for(model) for model in MODELS)


def test_drawing_is_timed_beside_pillow() -> None:
    line = compare(TEXT * 20, "gpt-4o")
    found = re.search(r"([\d,]+) tokens on (\d+) pages in [\d.]+ CPU s .* = ([\d.]+)$", line)
    assert found, line
    assert int(found[2]) > 0
    assert float(found[3]) > 0
