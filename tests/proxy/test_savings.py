"""What was saved is added up across processes and days, and shown."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from optimem import OpticalMemory
from optimem.cli import cli
from optimem.errors import StoreUnavailableError
from optimem.prompts.cache_rules import cache_rule_for
from optimem.proxy.pricing import Prices, Tally
from optimem.proxy.report import savings_json, savings_page, savings_rows
from optimem.proxy.savings import Row, Savings, read_savings
from optimem.proxy.usage import Usage
from optimem.testing import InMemoryStore, ManualClock

RULE = cache_rule_for("gpt-5.1")
DAY = 86_400.0


def tally(model: str = "gpt-5.1", million: float | None = 1.0) -> Tally:
    prices = Prices(RULE, million)
    return Tally(model, "recall", prices, Usage(20_000, 12_800), Usage(4_000, 2_560), True)


def test_every_process_counts_and_none_counts_twice() -> None:
    store, clock = InMemoryStore(), ManualClock()
    one, two = (Savings(store, clock) for _ in range(2))
    for savings in (one, two, one):
        savings.add(tally())
        savings.write()
        savings.write()
    clock.advance(days=1)
    one.add(tally("<b>no such model</b>", None))
    one.write()
    first, second = read_savings(store, clock()).items()
    assert (first[0].model, first[1].requests, first[1].tokens_before) == ("gpt-5.1", 3, 60_000)
    assert first[1].usd_before == pytest.approx(3 * (12_800 * 0.1 + 7_200) / 1e6)
    assert (second[0].day > first[0].day, second[1].priced) == (True, 0)


def test_what_a_failing_store_did_not_take_is_stored_later(monkeypatch: pytest.MonkeyPatch) -> None:
    store, clock = InMemoryStore(), ManualClock()
    savings = Savings(store, clock)
    savings.add(tally())

    def broken(*_: object) -> None:
        raise StoreUnavailableError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(store, "commit", broken)
        with pytest.raises(StoreUnavailableError):
            savings.write()
    assert not read_savings(store, clock())
    savings.write()
    assert read_savings(store, clock())


def test_sums_are_shown_as_a_table_as_json_and_as_a_page() -> None:
    store, clock = InMemoryStore(), ManualClock()
    savings = Savings(store, clock)
    savings.add(tally())
    savings.add(tally("<b>no such model</b>", None))
    savings.write()
    sums = read_savings(store, clock())
    head, *_, last = savings_rows(sums)
    shown = dict(zip(head, last, strict=True))
    assert (shown["requests"], shown["tokens before"], shown["saved"]) == ("2", "40,000", "80%")
    assert savings_json(sums)["all"]["requests"] == 2
    page = savings_page(sums)
    assert "<b>no" not in page
    assert "&lt;b&gt;no such model" in page
    assert savings_page({}).count("<tr>") == 2


def test_the_command_prints_and_writes_them(tmp_path: Path) -> None:
    store, page = str(tmp_path / "a.db"), tmp_path / "a.html"
    with OpticalMemory.open(store) as memory:
        savings = Savings(memory.store, memory.clock)
        savings.add(tally())
        savings.write()
    result = CliRunner().invoke(cli, ["savings", "--store", store, "--json", "--html", str(page)])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["rows"]
    assert Row(row["day"], row["model"], row["mode"])[1:] == ("gpt-5.1", "recall")
    assert "What the proxy saved" in page.read_text()
    shown = CliRunner().invoke(cli, ["savings", "--store", store]).stdout
    assert "80%" in shown
