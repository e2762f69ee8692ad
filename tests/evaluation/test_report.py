"""The report: every figure, no network, nothing unescaped."""

import re
from pathlib import Path

import pytest

from optimem.evaluation import tables
from optimem.evaluation.report import embed_json, write_report
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
        assert f'<th scope="row">{rows[-1][0]}</th>' in page
        for cell in rows[-1][1:]:
            assert f"<td>{cell}</td>" in page
    assert page.count("<desc>") == 6  # the case, errors, calibration, each for two widths
    assert page.index("Take ") < page.index("The case for it") < page.index("<table>")
    assert "The tasks differ." in page
    assert "not reachable" not in page


def test_the_report_names_unreachable_ratios(tmp_path: Path) -> None:
    result = run(corpora=[PROSE, WIDE], ratios=(0.5, 15.0))
    write_report(result, PROSE.text, plain_codec(), tmp_path / "report.html")
    assert '<p class="soft">— not reachable: prose at 15×' in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("text", ["</script><b>", "<!--"])
def test_data_cannot_end_its_script(text: str) -> None:
    assert "<" not in embed_json({"text": text})
