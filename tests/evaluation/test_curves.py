"""What the charts of the report show."""

import numpy as np
import pytest

from optimem.evaluation.curves import calibration_chart, case_charts, error_chart
from optimem.testing import plain_codec
from tests.evaluation.small import PROSE, run


def test_the_case_is_made_for_each_text_at_equal_tokens() -> None:
    other = PROSE._replace(name="src/a.py")
    charts = case_charts(run(corpora=[PROSE, other], ratios=(1.0, 2.0), codec=plain_codec()))
    assert list(charts) == ["prose", "src/a.py"]
    names = [series.name for series in charts["src/a.py"].series]
    assert names == ["optimem", "newest plain text", "random plain text"]
    ours, newest, _ = charts["prose"].series
    assert [point.y for point in ours.points] == [1, 1]
    assert [point.y for point in newest.points] == pytest.approx([1, 0.5], abs=0.02)
    assert "newest plain text: 100.0 % at 1.0×" in charts["prose"].described


def test_errors_lie_on_whole_decades_and_hold_every_point() -> None:
    chart = error_chart(run(), controlled=False)
    ours = chart.series[0]
    assert [point.y for point in ours.points] == pytest.approx([0, 0.05], abs=0.05)
    assert all(point.low <= point.y <= point.high for point in ours.points)
    assert [each.form for each in chart.series] == ["curve", "mark", "mark", "mark"]
    xs = [point.x for each in chart.series for point in each.points]
    assert chart.x.low < min(xs) <= max(xs) < chart.x.high
    assert chart.y.ticks == pytest.approx([0.001, 0.01, 0.1, 1])
    assert [chart.y.form(tick) for tick in chart.y.ticks] == ["0.1 %", "1 %", "10 %", "100 %"]


def test_texts_that_cannot_be_guessed_have_a_chart_of_their_own() -> None:
    assert error_chart(run(), controlled=True).series == []
    result = run(controlled=True, ratios=(1.0,), pages=1)
    names = {series.name for series in error_chart(result, controlled=True).series}
    assert {"hex", "UUIDs", "digits"} <= names
    assert "prose" not in names


def test_calibration_is_of_all_corpora_at_a_tier() -> None:
    bins = np.zeros((15, 3))
    bins[13] = (40, 36, 30)
    part = {"tier": "tiny", "figures": {"reliability": bins.tolist()}}
    parts = {"parts": {"score/a/10×": part, "score/b/10×": part}}
    assert "tiny: 75 % right at 90 %" in calibration_chart(parts).described
    bins[13] = (14, 12, 9)  # two of these are fewer cells than a point needs
    part["figures"]["reliability"] = bins.tolist()
    assert "tiny: ;" in calibration_chart(parts).described
