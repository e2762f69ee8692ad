"""The result of an evaluation as one self-contained HTML file: a verdict, curves, tables, and a
page to try. It needs no network.
"""

import json
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, Template
from markupsafe import Markup

from optimem.evaluation import tables
from optimem.evaluation.charts import responsive_chart
from optimem.evaluation.curves import calibration_chart, case_charts, error_chart
from optimem.evaluation.playground import tier_views
from optimem.evaluation.sampling import fit_to_page
from optimem.evaluation.tables import CAVEAT
from optimem.evaluation.verdict import TARGET, verdicts
from optimem.omem.atomic import atomic_write
from optimem.protocols import PageCodec
from optimem.text.wording import percent


def write_report(result: dict[str, Any], text: str, codec: PageCodec, path: Path) -> None:
    """Write the report of a run. `text`: its first page is the one to try."""
    page_text = fit_to_page(text[: 2 * codec.renderer.capacity], codec.renderer)
    case = case_charts(result)
    page = open_template("report.html").render(
        run=result["run"],
        controlled=_controlled_errors(result),
        verdicts=verdicts(result),
        target=TARGET,
        case={name: Markup(responsive_chart(chart)) for name, chart in case.items()},
        errors=Markup(responsive_chart(error_chart(result, controlled=False))),
        caveat=CAVEAT,
        ahead=tables.baselines_ahead(result),
        unreachable=tables.unreachable_ratios(result),
        main=tables.main_table(result),
        paper=tables.paper_table(result),
        baselines=tables.baseline_table(result),
        faded=tables.faded_table(result),
        calibration=Markup(responsive_chart(calibration_chart(result))),
        data=embed_json(tier_views(page_text, codec)),
    )
    write_page(page, path)


def write_page(page: str, path: Path) -> None:
    """Write a page as a whole, in a folder that is made if need be. Raises InputError if it cannot
    be written, and StoreFullError for a full disk."""
    with suppress(OSError):  # what is wrong is said when the file is opened
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(page.encode())


def _controlled_errors(result: dict[str, Any]) -> Markup:
    """The chart of the texts that cannot be guessed; empty if none were measured."""
    chart = error_chart(result, controlled=True)
    return Markup(responsive_chart(chart) if chart.series else "")


def open_template(name: str) -> Template:
    """A page template; it escapes what it shows."""

    def load(included: str) -> str:
        return files("optimem.evaluation").joinpath("templates", included).read_text("utf-8")

    environment = Environment(loader=FunctionLoader(load), autoescape=True)
    environment.filters["percent"] = percent
    return environment.get_template(name)


def embed_json(value: Any) -> Markup:
    """JSON for a script element: without "<", which could end it."""
    return Markup(json.dumps(value, ensure_ascii=False).replace("<", "\\u003c"))
