"""The report: every figure, no network, nothing unescaped."""

import re
from pathlib import Path

import numpy as np
import pytest

from optimem.evaluation import tables
from optimem.evaluation.report import (
    RATIO_AXES,
    calibration_chart,
    embed_json,
    widen,
    write_report,
)
from optimem.testing import plain_codec
from tests.evaluation.small import LOST, PROSE, run
from tests.evaluation.test_tables import WIDE

NETWORK = re.compile(r"""(src|href)=["'](?!data:|#)|url\((?!data:)|@import|fetch\(""")


def test_the_report_holds_every_figure_and_needs_no_network(tmp_path: Path) -> None:
    result, path = run(), tmp_path / "deep" / "report.html"
    write_report(result, PROSE.text, plain_codec(LOST), path)
    page = path.read_text()
    assert not NETWORK.search(page)
    for rows in (tables.main_table(result), tables.paper_table(result), tables.faded_table(result)):
        for cell in rows[-1]:
            assert f"<td>{cell}</td>" in page
    assert page.count("<svg") >= 2
    assert page.count("<desc>") == 2
    assert "The tasks differ." in page
    assert "not reachable" not in page


def test_the_report_names_unreachable_ratios(tmp_path: Path) -> None:
    result = run(corpora=[PROSE, WIDE], ratios=(0.5, 15.0))
    write_report(result, PROSE.text, plain_codec(), tmp_path / "report.html")
    assert '<p class="soft">— not reachable: prose at 15×' in (tmp_path / "report.html").read_text()


def test_axes_hold_every_point() -> None:
    same = widen(RATIO_AXES, [(5, 0.9)])
    assert (same.x, same.y) == (RATIO_AXES.x, RATIO_AXES.y)
    wider = widen(RATIO_AXES, [(0.5, 0.9), (150, 0.2)])
    assert (wider.x, wider.y) == ((0.5, 150), (0.0, 1.0))
    assert (wider.x_ticks[0], wider.y_ticks[0]) == (0.5, 0)


def test_calibration_is_of_all_corpora_at_a_tier() -> None:
    bins = np.zeros((15, 3))
    bins[13] = (40, 36, 30)
    part = {"tier": "tiny", "figures": {"reliability": bins.tolist()}}
    svg = calibration_chart({"parts": {"score/a/10×": part, "score/b/10×": part}})
    assert "tiny: 75% right at 90%" in svg
    bins[13] = (14, 12, 9)  # two of these are fewer cells than a point needs
    part["figures"]["reliability"] = bins.tolist()
    assert "tiny: ;" in calibration_chart({"parts": {"score/a/10×": part, "score/b/10×": part}})


@pytest.mark.parametrize("text", ["</script><b>", "<!--"])
def test_data_cannot_end_its_script(text: str) -> None:
    assert "<" not in embed_json({"text": text})
