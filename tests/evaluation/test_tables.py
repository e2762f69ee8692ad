"""Figures as rows of text."""

import pytest

from optimem.errors import RatioError
from optimem.evaluation import tables
from optimem.evaluation.corpora import Corpus
from optimem.evaluation.figures import parts
from optimem.testing import plain_codec
from optimem.text.wording import percent
from optimem.tiers import Tier
from tests.evaluation.small import PROSE, run

WIDE = Corpus("wide", "".join(f"Строка {n} говорит: порт. " for n in range(60)), False)


def test_percent_never_rounds_up_to_all() -> None:
    assert [percent(share) for share in (1, 0.999_999, 0.5, None)] == [
        "100.00 %", "99.99 %", "50.00 %", "–",
    ]  # fmt: skip
    assert percent(0.9996, 1) == "99.9 %"


def test_a_ratio_that_one_corpus_cannot_reach_is_a_dash_and_a_sentence() -> None:
    result = run(corpora=[PROSE, WIDE], ratios=(1.0, 15.0))
    assert [part["setting"] for part in parts(result, "score")] == ["1×", "1×", "15×"]
    missed = result["parts"]["unreached/prose/15×"]
    assert (missed["tier"], missed["asked"]) == ("trace", 15)
    assert missed["most"] == pytest.approx(400 / 36)
    sentence = "— not reachable: prose at 15× (a full page of it at trace comes to 11.1×)."
    assert sentence == tables.unreachable_ratios(result)
    assert sentence in tables.markdown_document(result)
    settings = [row[:2] for row in tables.main_table(result)[1:]]
    assert settings == [["prose", "1×"], ["prose", "15×"], ["wide", "1×"], ["wide", "15×"]]
    for rows in (tables.main_table(result), tables.baseline_table(result)):
        assert set(rows[2][2:]) == {"—"}
        assert {len(row) for row in rows} == {len(rows[0])}
    assert tables.unreachable_ratios(run()) == ""
    with pytest.raises(RatioError, match=r"no tier reaches 25×.*wide at trace comes to 1\d\.\d×"):
        run(corpora=[PROSE, WIDE], ratios=(15.0, 25.0))


def test_the_papers_table_is_empty_where_no_page_holds_so_many_tokens() -> None:
    rows = tables.paper_table(run())
    assert rows[1] == ["600–700", "96.5 %", "10.5×", *"———", "98.5 %", "6.7×", *"———"]


def test_a_single_page_has_no_interval() -> None:
    at = tables.main_table(run())[0].index("interval")
    longer = PROSE._replace(text=PROSE.text * 4)
    assert tables.main_table(run(corpora=[longer]))[1][at] == "100.00–100.00"
    assert tables.main_table(run(pages=1))[1][at] == "—"


@pytest.mark.parametrize("value", [0.99987, 0.99994, 0.999999, 0.5])
def test_what_is_shown_of_an_interval_holds_what_is_shown_of_its_value(value: float) -> None:
    shown = tables.shown_interval({"value": value, "low": value - 1e-5, "high": value + 1e-7})
    low, high = map(float, shown.split("–"))
    assert low <= float(percent(value)[:-2]) <= high


def test_a_baseline_that_wins_is_named() -> None:
    result = run(ratios=(), tiers=(Tier.TINY,), baselines=("zstd", "newest"))
    assert "zstd" in tables.baselines_ahead(result)
    assert "★" in tables.markdown_table(tables.baseline_table(result))


def test_baselines_that_never_win_are_not_named() -> None:
    result = run(ratios=(1.0,), baselines=("random part",), codec=plain_codec())
    result["parts"]["score/prose/1×"]["baselines"]["random part"]["wins"] = False
    assert tables.baselines_ahead(result) == "As good as optimem or better: no baseline."


def test_the_document_holds_every_table() -> None:
    text = tables.markdown_document(run())
    assert text.count("\n|---|") == 4
    assert "The tasks differ." in text
    assert "As good as optimem or better: " in text
    assert len(tables.short_table(run())[0]) == len(tables.SHORT_COLUMNS)


def test_ages_are_in_words() -> None:
    assert [row[1] for row in tables.faded_table(run())[1:]] == [
        "new", "2 days", "10 days", "60 days", "200 days",
    ]  # fmt: skip
