"""The report and the inspection: all figures, no network, nothing unescaped."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from optimem import OpticalMemory, Scope
from optimem.cli import cli
from optimem.errors import ScopeError
from optimem.evaluation import tables
from optimem.evaluation.charts import Axes, Series, chart
from optimem.evaluation.inspection import write_inspection
from optimem.evaluation.kinds import Kind
from optimem.evaluation.playground import wrong_characters
from optimem.evaluation.report import RATIO, embedded, widened, write_report
from optimem.testing import plain_codec
from tests.evaluation.test_run import LOST, TEXT, run

DAY = 86_400.0
NETWORK = re.compile(r"""(src|href)=["'](?!data:|#)|url\((?!data:)|@import|fetch\(""")


def test_the_report_holds_every_figure_and_needs_no_network(tmp_path: Path) -> None:
    result, path = run(), tmp_path / "deep" / "report.html"
    write_report(result, TEXT.text, plain_codec(LOST), path)
    page = path.read_text()
    assert not NETWORK.search(page)
    for rows in (tables.main_table(result), tables.paper_table(result), tables.faded_table(result)):
        for cell in rows[-1]:
            assert f"<td>{cell}</td>" in page
    assert page.count("<svg") >= 2
    assert page.count("<desc>") == 2
    assert "The tasks differ." in page
    assert "not reachable" not in page


def test_the_report_tells_what_cannot_be_reached_and_draws_points_where_they_are(
    tmp_path: Path,
) -> None:
    wide = Kind("wide", "".join(f"Строка {n} говорит: порт. " for n in range(60)), False)
    result = run(texts=[TEXT, wide], ratios=(0.5, 15.0))
    write_report(result, TEXT.text, plain_codec(), tmp_path / "report.html")
    assert '<p class="soft">— not reachable: prose at 15×' in (tmp_path / "report.html").read_text()
    assert (widened(RATIO, [(5, 0.9)]).x, widened(RATIO, [(5, 0.9)]).y) == (RATIO.x, RATIO.y)
    wider = widened(RATIO, [(0.5, 0.9), (150, 0.2)])
    assert (wider.x, wider.y) == ((0.5, 150), (0.0, 1.0))
    assert (wider.x_ticks[0], wider.y_ticks[0]) == (0.5, 0)


def test_text_cannot_break_out_of_the_page() -> None:
    assert "<" not in embedded({"text": "</script><b>"})
    axes = Axes("x", "y", (0, 1), (0, 1), (0, 1), (0, 1))
    assert "<b>" not in chart([Series("<b>", [(0, 1)])], axes, "<b>", "<b>")


def test_wrong_characters_are_those_that_an_edit_touches() -> None:
    assert wrong_characters("port 6543", "port 6743") == [False] * 6 + [True] + [False] * 2
    assert wrong_characters("abc", "abc!") == [False] * 3 + [True]
    assert wrong_characters("abc", "ac") == [False] * 2


def test_an_inspection_shows_pages_tiers_and_what_fades_when(tmp_path: Path) -> None:
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        turn = {"text": "The port is 6543 </script>. " * 14, "id": "m1"}
        memory.append("work/ann/monday", turn, now=0.0)
        memory.flush("work/ann/monday", now=0.0)
        before = memory.store.entries(Scope.parse("work/ann/monday"))
        write_inspection(memory, "work/ann/monday", tmp_path / "a.html", now=0.25 * DAY)
        assert memory.store.entries(Scope.parse("work/ann/monday")) == before
        page = (tmp_path / "a.html").read_text()
        with pytest.raises(ScopeError, match="there is: work/ann/monday"):
            write_inspection(memory, "work/bob", tmp_path / "b.html")
    assert not NETWORK.search(page)
    tier, fades = re.search(r"<td>6 hours ago</td><td>(\w+)</td><td>([^<]+)</td>", page).groups()
    assert (tier, fades) == ("large", "in 18 hours")
    assert page.count("</script>") == 2


def test_the_commands_name_what_is_wrong(tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("Too short for a page.")
    asked = ["eval", str(short)]
    for given, told in (
        (asked, "a page has 12,800"),
        ([*asked, "--ratios", "ten"], "write numbers with commas"),
        ([*asked, "--tokenizer", "gpt-9"], "no tokenizer is called 'gpt-9'"),
        ([*asked, "--baseline", "magic"], "no baseline is called 'magic'"),
        ([*asked, "--model", "gpt-9"], "no model is called 'gpt-9'"),
        (["eval", "--ratios", "900"], "no tier reaches 900×"),
    ):
        assert told in str(CliRunner().invoke(cli, given).exception)
