"""The charts of the report, from a result: the case for it, errors, calibration. Pure."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from optimem.evaluation.charts import Axis, Chart, Point, Series
from optimem.evaluation.figures import parts
from optimem.evaluation.measures import BINS
from optimem.evaluation.tables import PUBLISHED, PUBLISHED_C3
from optimem.text.wording import percent

FEWEST_CELLS = 30  # in a bin that is a point of the calibration curve
RATIO_TICKS = (0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320)
LEAST_ERROR, MOST_DECADES = 1e-3, 6
"""The error axis reaches at least down to one in a thousand, and at most six decades."""
SHARES = (0, 0.25, 0.5, 0.75, 1)
RATIO_TITLE = "text tokens per vision token"


def case_charts(result: dict[str, Any]) -> dict[str, Chart]:
    """For each of the user's texts: what comes back, beside what plain text in as many tokens
    would hold."""
    found: dict[str, dict[str, list[Point]]] = defaultdict(lambda: defaultdict(list))
    for part in parts(result, "score"):
        if part["controlled"]:
            continue
        ratio, curves = part["figures"]["ratio"], found[part["name"]]
        curves["optimem"].append(_point(part))
        for name, baseline in part["baselines"].items():
            if baseline["basis"] == "equal tokens":
                curves[EQUAL_TOKENS.get(name, name)].append(Point(ratio, baseline["right"]))
    return {name: _case_chart(name, curves) for name, curves in found.items()}


EQUAL_TOKENS = {"newest": "newest plain text", "random part": "random plain text"}
"""How the case names the baselines that have as many tokens as the page."""


def _case_chart(name: str, curves: dict[str, list[Point]]) -> Chart:
    series = [Series(each, points) for each, points in curves.items()]
    return Chart(
        series,
        _ratio_axis(series),
        Axis("characters that come back", 0, 1, SHARES, _whole),
        f"{name}: what comes back, at equal tokens",
        _describe(series, lambda p: f"{percent(p.y, 1)} at {p.x:.1f}×"),
    )


def error_chart(result: dict[str, Any], *, controlled: bool) -> Chart:
    """Characters wrong against ratio. `controlled`: the texts that cannot be guessed; else the
    user's, and the published figures."""
    curves: dict[str, list[Point]] = defaultdict(list)
    for part in parts(result, "score"):
        if part["controlled"] == controlled:
            curves[part["name"]].append(_wrong(_point(part)))
    series = [Series(name, points) for name, points in curves.items()]
    series += [] if controlled else _published_series()
    what = "texts that cannot be guessed" if controlled else "your texts"
    return Chart(
        series,
        _ratio_axis(series),
        _error_axis(point.y for each in series for point in each.points),
        f"Characters wrong against compression ratio: {what}",
        _describe(series, lambda p: f"{percent(p.y)} at {p.x:.1f}×"),
    )


def _point(part: dict[str, Any]) -> Point:
    right = part["figures"]["right"]
    return Point(part["figures"]["ratio"], right["value"], right["low"], right["high"])


def _wrong(point: Point) -> Point:
    """A point of errors from one of what is right."""
    low, high = (None if bound is None else 1 - bound for bound in (point.high, point.low))
    return Point(point.x, 1 - point.y, low, high)


def _published_series() -> list[Series]:
    at_64 = [Point(row.ratio_64, 1 - row.right_64) for row in PUBLISHED]
    at_100 = [Point(row.ratio_100, 1 - row.right_100) for row in PUBLISHED]
    c3 = [Point(ratio, 1 - right) for ratio, right in PUBLISHED_C3]
    return [
        Series("DeepSeek-OCR 64", at_64, form="mark"),
        Series("DeepSeek-OCR 100", at_100, form="mark"),
        Series("C3", c3, form="mark"),
    ]


def _ratio_axis(series: Sequence[Series]) -> Axis:
    """A logarithmic axis that holds every point."""
    ratios = [point.x for each in series for point in each.points] or [5.0, 40.0]
    low, high = min(ratios) / 1.15, max(ratios) * 1.15
    ticks = [tick for tick in RATIO_TICKS if low <= tick <= high]
    return Axis(RATIO_TITLE, low, high, ticks, "{:g}×".format, log=True)


def _error_axis(errors: Iterable[float]) -> Axis:
    """A logarithmic axis of whole decades, up to all characters."""
    least = min([error for error in errors if error > 0], default=LEAST_ERROR)
    decades = min(math.ceil(-math.log10(min(least, LEAST_ERROR)) - 1e-9), MOST_DECADES)
    ticks = [10.0**-at for at in range(decades, -1, -1)]
    return Axis("characters wrong", ticks[0], 1, ticks, _percent, log=True)


def _percent(share: float) -> str:
    return f"{share * 100:g} %"


def _whole(share: float) -> str:
    return percent(share, 0)


def calibration_chart(result: dict[str, Any]) -> Chart:
    """Share right against stated probability, one curve per tier."""
    bins: dict[str, np.ndarray] = defaultdict(lambda: np.zeros((BINS, 3)))
    for part in parts(result, "score"):
        bins[part["tier"]] += part["figures"]["reliability"]
    series = [Series(tier, _calibration_points(table.tolist())) for tier, table in bins.items()]
    series.append(Series("ideal", [Point(0, 0), Point(1, 1)], form="guide"))
    return Chart(
        series,
        Axis("stated probability", 0, 1, SHARES, _whole),
        Axis("share right", 0, 1, SHARES, _whole),
        "Share right against stated probability",
        _describe(series, lambda p: f"{_whole(p.y)} right at {_whole(p.x)}"),
    )


def _calibration_points(bins: Sequence[tuple[float, float, float]]) -> list[Point]:
    return [
        Point(probability / cells, right / cells)
        for cells, probability, right in bins
        if cells >= FEWEST_CELLS
    ]


def _describe(series: Sequence[Series], words: Callable[[Point], str]) -> str:
    """The points of each series in words; `words`: of a point."""
    return "; ".join(
        f"{each.name}: " + ", ".join(words(p) for p in sorted(each.points)) for each in series
    )
