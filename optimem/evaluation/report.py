"""The result of an evaluation as one self-contained HTML file: curves, tables, and a page to try.
It needs no network.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FunctionLoader, Template
from markupsafe import Markup

from optimem.evaluation import tables
from optimem.evaluation.charts import Axes, Series, draw_chart
from optimem.evaluation.measures import BINS
from optimem.evaluation.playground import tier_views
from optimem.evaluation.sampling import fit_to_page
from optimem.evaluation.tables import CAVEAT, PUBLISHED, PUBLISHED_C3
from optimem.protocols import PageCodec

RATIO_AXES = Axes(
    "text tokens per vision token (logarithmic)", "characters right", (2.5, 130), (0.4, 1.0),
    (0.5, 1, 2, 5, 10, 20, 40, 80, 160), tuple(at / 10 for at in range(11)), log=True,
    x_format="{:g}×",
)  # fmt: skip
CALIBRATION_AXES = Axes(
    "stated probability", "share right", (0, 1), (0, 1),
    (0, 0.25, 0.5, 0.75, 1), (0, 0.25, 0.5, 0.75, 1), x_format="{:.0%}",
)  # fmt: skip
FEWEST_CELLS = 30  # in a bin that is a point of the calibration curve


def write_report(result: dict[str, Any], text: str, codec: PageCodec, path: Path) -> None:
    """Write the report of a run. `text`: its first page is the one to try."""
    page_text = fit_to_page(text[: 2 * codec.renderer.capacity], codec.renderer)
    page = open_template("report.html").render(
        run=result["run"],
        kinds=result["kinds"],
        caveat=CAVEAT,
        ahead=tables.baselines_ahead(result),
        unreachable=tables.unreachable_ratios(result),
        main=tables.main_table(result),
        paper=tables.paper_table(result),
        baselines=tables.baseline_table(result),
        faded=tables.faded_table(result),
        ratio_chart=Markup(ratio_chart(result)),
        calibration_chart=Markup(calibration_chart(result)),
        data=embed_json(tier_views(page_text, codec)),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8")


def open_template(name: str) -> Template:
    """A page template; it escapes what it shows."""

    def load(included: str) -> str:
        return files("optimem.evaluation").joinpath("templates", included).read_text("utf-8")

    return Environment(loader=FunctionLoader(load), autoescape=True).get_template(name)


def embed_json(value: Any) -> Markup:
    """JSON for a script element: without "<", which could end it."""
    return Markup(json.dumps(value, ensure_ascii=False).replace("<", "\\u003c"))


def ratio_chart(result: dict[str, Any]) -> str:
    """Characters right against ratio: one curve per corpus, and the published points."""
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for part in tables.parts(result, "score"):
        figures = part["figures"]
        points[part["kind"]].append((figures["ratio"], figures["right"]["value"]))
    series = [Series(kind, measured) for kind, measured in points.items()]
    series += _published_series()
    axes = widen(RATIO_AXES, [point for each in series for point in each.points])
    described = _describe(series, "{y:.1%} at {x:.1f}×")
    return draw_chart(series, axes, "Characters right against compression ratio", described)


def _published_series() -> list[Series]:
    at_64 = [(row.ratio_64, row.right_64) for row in PUBLISHED]
    at_100 = [(row.ratio_100, row.right_100) for row in PUBLISHED]
    return [
        Series("DeepSeek-OCR, 64 tokens (published)", at_64, form="mark"),
        Series("DeepSeek-OCR, 100 tokens (published)", at_100, form="mark"),
        Series("C3 (published)", list(PUBLISHED_C3), form="mark"),
    ]


def widen(axes: Axes, points: Sequence[tuple[float, float]]) -> Axes:
    """Axes that hold every point, with the ticks that lie within them."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low, high = min(*xs, axes.x[0]), max(*xs, axes.x[1])
    bottom = axes.y[0] if min(ys) >= axes.y[0] else 0.0
    return axes._replace(
        x=(low, high),
        y=(bottom, axes.y[1]),
        x_ticks=[tick for tick in axes.x_ticks if low <= tick <= high],
        y_ticks=[tick for tick in axes.y_ticks if tick >= bottom],
    )


def calibration_chart(result: dict[str, Any]) -> str:
    """Share right against stated probability, one curve per tier."""
    bins: dict[str, np.ndarray] = defaultdict(lambda: np.zeros((BINS, 3)))
    for part in tables.parts(result, "score"):
        bins[part["tier"]] += part["figures"]["reliability"]
    series = [Series(tier, _calibration_points(table.tolist())) for tier, table in bins.items()]
    series.append(Series("ideal", [(0, 0), (1, 1)], form="guide"))
    described = _describe(series, "{y:.0%} right at {x:.0%}")
    return draw_chart(series, CALIBRATION_AXES, "Share right against stated probability", described)


def _calibration_points(bins: Sequence[tuple[float, float, float]]) -> list[tuple[float, float]]:
    return [
        (probability / cells, right / cells)
        for cells, probability, right in bins
        if cells >= FEWEST_CELLS
    ]


def _describe(series: Sequence[Series], form: str) -> str:
    """The points of each series in words; `form`: of a point."""
    return "; ".join(
        f"{each.name}: " + ", ".join(form.format(x=x, y=y) for x, y in sorted(each.points))
        for each in series
    )
