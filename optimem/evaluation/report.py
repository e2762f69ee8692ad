"""One self-contained HTML file: curves, tables, and a page to play with. No network."""

import json
from collections import defaultdict
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader
from markupsafe import Markup

from optimem.evaluation import tables
from optimem.evaluation.charts import Axes, Series, chart
from optimem.evaluation.playground import views
from optimem.evaluation.settings import fitting
from optimem.evaluation.tables import C3, DIFFERENCE, PAPER
from optimem.protocols import PageCodec

RATIO = Axes(
    "text tokens per vision token (logarithmic)", "characters right", (2.5, 130), (0.4, 1.0),
    (0.5, 1, 2, 5, 10, 20, 40, 80, 160), tuple(at / 10 for at in range(11)), log=True,
    x_format="{:g}×",
)  # fmt: skip
RELIABLE = Axes(
    "probability that the reader states", "share right", (0, 1), (0, 1),
    (0, 0.25, 0.5, 0.75, 1), (0, 0.25, 0.5, 0.75, 1), x_format="{:.0%}",
)  # fmt: skip
FEWEST = 30  # cells that a bin needs for a point of the curve


def write_report(result: dict[str, Any], text: str, reader: PageCodec, path: Path) -> None:
    """Write the report of a run; `text`: whose first page is the one to play with."""
    page = fitting(text[: 2 * reader.renderer.capacity], reader.renderer)
    page_text = template("report.html").render(
        run=result["run"], kinds=result["kinds"], difference=DIFFERENCE, wins=tables.wins(result),
        unreached=tables.unreached(result),
        main=tables.main_table(result), paper=tables.paper_table(result),
        baselines=tables.baseline_table(result), faded=tables.faded_table(result),
        ratio_chart=Markup(ratio_chart(result)), calibration_chart=Markup(calibration(result)),
        data=embedded(views(page, reader)),
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page_text, "utf-8")


def template(name: str) -> Any:
    """A page template; what it shows is escaped."""

    def load(asked: str) -> str:
        return files("optimem.evaluation").joinpath("templates", asked).read_text("utf-8")

    return Environment(loader=FunctionLoader(load), autoescape=True).get_template(name)


def embedded(value: Any) -> Markup:
    """JSON that may stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
    return Markup(text)  # no "<" is left in it


def ratio_chart(result: dict[str, Any]) -> str:
    """Characters right against ratio: a curve a kind, and the published points."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for part in tables.parts(result, "score"):
        figures = part["figures"]
        found[part["kind"]].append((figures["ratio"], figures["right"]["value"]))
    series = [Series(name, points) for name, points in found.items()]
    series += [
        Series("DeepSeek-OCR, 64 tokens (published)", [(b.ratio_64, b.right_64) for b in PAPER],
               form="mark"),
        Series("DeepSeek-OCR, 100 tokens (published)", [(b.ratio_100, b.right_100) for b in PAPER],
               form="mark"),
        Series("C3 (published)", list(C3), form="mark"),
    ]  # fmt: skip
    told = "; ".join(
        f"{s.name}: " + ", ".join(f"{y:.1%} at {x:.1f}×" for x, y in sorted(s.points))
        for s in series
    )
    axes = widened(RATIO, [point for s in series for point in s.points])
    return chart(series, axes, "Characters right against the ratio of compression", told)


def widened(axes: Axes, points: Sequence[tuple[float, float]]) -> Axes:
    """Axes that hold every point, so that none is drawn where it is not; ticks within them."""
    across, up = [x for x, _ in points], [y for _, y in points]
    low, high = min(*across, axes.x[0]), max(*across, axes.x[1])
    floor = axes.y[0] if min(up) >= axes.y[0] else 0.0
    return axes._replace(
        x=(low, high), y=(floor, axes.y[1]),
        x_ticks=[tick for tick in axes.x_ticks if low <= tick <= high],
        y_ticks=[tick for tick in axes.y_ticks if tick >= floor],
    )  # fmt: skip


def calibration(result: dict[str, Any]) -> str:
    """Share right against stated probability, a curve a tier."""
    bins: dict[str, list[list[float]]] = {}
    for part in tables.parts(result, "score"):
        table = part["figures"]["reliability"]
        known = bins.get(part["tier"])
        bins[part["tier"]] = _added(known, table) if known else table
    series = [
        Series(tier, [(total / cells, right / cells) for cells, total, right in table
                      if cells >= FEWEST])
        for tier, table in bins.items()
    ]  # fmt: skip
    series.append(Series("ideal", [(0, 0), (1, 1)], form="guide"))
    told = "; ".join(
        f"{s.name}: " + ", ".join(f"{y:.0%} right at {x:.0%}" for x, y in s.points) for s in series
    )
    return chart(series, RELIABLE, "How far stated probabilities can be trusted", told)


def _added(one: list[list[float]], other: list[list[float]]) -> list[list[float]]:
    return [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(one, other, strict=True)]
