"""Line charts as SVG, with labels at the ends of the curves and a text alternative; the page's
style gives them their colours. Pure.

A series is known by its label, its marker and its colour, so that nobody depends on one of them.
"""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from optimem.evaluation.markers import marker_path
from optimem.text.wording import percent

COLOURS = 8
"""How many series differ in colour: `.s0` to `.s7` in the style."""
LINE = 17  # pixels from one label to the next
NOTHING_BELOW = 0.5  # of a decade: where a value of 0 is drawn on a logarithmic axis


class Point(NamedTuple):
    """A point, and the bounds of its interval if it has one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None

    @property
    def lowest(self) -> float:
        """Of the point and its interval."""
        return self.y if self.low is None else min(self.y, self.low)


class Series(NamedTuple):
    """Named points. `form`: "curve"; "mark" for points without a line, such as published figures;
    "guide" for a dashed line."""

    name: str
    points: list[Point]
    form: str = "curve"


class Axis(NamedTuple):
    """Title, limits and ticks. `form`: a tick's label. On a `log` axis 0 lies below `low`."""

    title: str
    low: float
    high: float
    ticks: Sequence[float]
    form: Callable[[float], str]
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies: 0 at `low`, 1 at `high`."""
        if not self.log:
            return (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        decades = math.log10(self.high / self.low)
        if value <= 0:
            return -NOTHING_BELOW / decades
        return math.log10(min(max(value, self.low), self.high) / self.low) / decades


class Frame(NamedTuple):
    """The size of a drawing and its margins, in pixels. `name`: its CSS class. `letters`: of the
    longest label."""

    name: str
    width: int
    height: int
    left: int
    right: int
    letters: int
    top: int = 30
    bottom: int = 56


WIDE = Frame("wide", 760, 400, 72, 220, 30)
NARROW = Frame("narrow", 346, 360, 64, 150, 17)


class Chart(NamedTuple):
    """What is drawn. `title`, `described`: for those who cannot see it."""

    series: Sequence[Series]
    x: Axis
    y: Axis
    title: str
    described: str


def responsive_chart(chart: Chart) -> str:
    """The chart twice, of which the style shows one: for screens and for phones."""
    return draw_chart(chart, WIDE) + draw_chart(chart, NARROW)


def draw_chart(chart: Chart, frame: Frame) -> str:
    """The chart as an SVG element."""
    drawing = _Drawing(chart, frame)
    series = [drawing.series(each, style) for each, style in _styled(chart.series)]
    return (
        f'<svg class="chart {frame.name}" viewBox="0 0 {frame.width} {frame.height}" role="img">'
        f"<title>{escape(chart.title)}</title><desc>{escape(chart.described)}</desc>"
        f"{drawing.grid()}{''.join(series)}{drawing.labels()}</svg>"
    )


def _styled(series: Sequence[Series]) -> list[tuple[Series, int]]:
    """Each series with the number of its colour and marker."""
    return [(each, at % COLOURS) for at, each in enumerate(series)]


class _Drawing:
    """Draws the parts of a chart in a frame."""

    def __init__(self, chart: Chart, frame: Frame) -> None:
        self.chart, self.frame = chart, frame
        self.right = frame.width - frame.right
        self.floor = frame.height - frame.bottom
        self.zero = chart.y.log and any(
            point.lowest <= 0 for each in chart.series for point in each.points
        )
        self.base = self.floor - (self._zero_height() if self.zero else 0.0)

    def _zero_height(self) -> float:
        """Pixels below a logarithmic axis, for what is 0."""
        share = -self.chart.y.place(0)
        return (self.floor - self.frame.top) * share / (1 + share)

    def x(self, value: float) -> float:
        return self.frame.left + self.chart.x.place(value) * (self.right - self.frame.left)

    def y(self, value: float) -> float:
        return self.base - self.chart.y.place(value) * (self.base - self.frame.top)

    def grid(self) -> str:
        """Lines and labels of the ticks, and the axes' titles."""
        y, x, frame = self.chart.y, self.chart.x, self.frame
        rows = [(self.y(tick), y.form(tick)) for tick in y.ticks]
        rows += [(self.y(0), "none")] if self.zero else []
        lines = [
            f'<line class="grid" x1="{frame.left}" x2="{self.right}" y1="{at:.1f}" y2="{at:.1f}"/>'
            f'<text x="{frame.left - 8}" y="{at + 4.5:.1f}" text-anchor="end">{label}</text>'
            for at, label in rows
        ]
        ticks = [
            f'<text x="{self.x(tick):.1f}" y="{self.floor + 20}" text-anchor="middle">'
            f"{x.form(tick)}</text>"
            for tick in self._spaced(x.ticks)
        ]
        titles = (
            f'<text class="axis" x="{self.right}" y="{frame.height - 14}" text-anchor="end">'
            f'{escape(x.title)}</text><text class="axis" x="4" y="14">{escape(y.title)}</text>'
        )
        return "".join([*lines, *ticks, titles])

    def _spaced(self, ticks: Sequence[float]) -> list[float]:
        """The ticks of the x axis that have room for their labels."""
        shown: list[float] = []
        for tick in ticks:
            if not shown or self.x(tick) - self.x(shown[-1]) >= 2.4 * LINE:
                shown.append(tick)
        return shown

    def series(self, series: Series, style: int) -> str:
        """The line, the intervals and the markers of a series."""
        points = sorted(series.points)
        line = "L".join(f"{self.x(p.x):.1f} {self.y(p.y):.1f}" for p in points)
        path = f'<path class="line" d="M{line}"/>' if points and series.form != "mark" else ""
        hollow = " hollow" if series.form == "mark" else ""
        marks = "" if series.form == "guide" else "".join(
            f'{self._interval(p)}<path class="marker{hollow}" '
            f'd="{marker_path(style, self.x(p.x), self.y(p.y))}">{self._tooltip(series, p)}</path>'
            for p in points
        )  # fmt: skip
        return f'<g class="{series.form} s{style}">{path}{marks}</g>'

    def _interval(self, point: Point) -> str:
        if point.low is None or point.high is None or point.low == point.high:
            return ""
        x, low, high = self.x(point.x), self.y(point.low), self.y(point.high)
        return f'<path class="interval" d="M{x:.1f} {low:.1f}V{high:.1f}"/>'

    def _tooltip(self, series: Series, point: Point) -> str:
        x = self.chart.x.form(round(point.x, 2))
        return f"<title>{escape(f'{series.name}: {percent(point.y, 3)} at {x}')}</title>"

    def labels(self) -> str:
        """The name of each series, level with its last point as far as there is room."""
        ends = [
            (max(each.points), each, style)
            for each, style in _styled(self.chart.series)
            if each.points
        ]
        ends.sort(key=lambda end: self.y(end[0].y))
        heights = spread([self.y(point.y) for point, _, _ in ends], self.frame.top, self.floor)
        return "".join(
            self._label(point, series, style, height)
            for (point, series, style), height in zip(ends, heights, strict=True)
        )

    def _label(self, point: Point, series: Series, style: int, height: float) -> str:
        x, y = self.x(point.x) + 7, self.y(point.y)
        at = self.right + 16
        marker = f'<path class="line" d="M{at - 5} {height:.1f}h10"/>'
        if series.form != "guide":
            hollow = " hollow" if series.form == "mark" else ""
            marker = f'<path class="marker{hollow}" d="{marker_path(style, at, height)}"/>'
        return (
            f'<path class="leader" d="M{x:.1f} {y:.1f}L{at - 8} {height:.1f}"/>'
            f'<g class="{series.form} s{style}">{marker}</g>'
            f'<text class="label" x="{at + 10}" y="{height + 4.5:.1f}">'
            f"{escape(shorten(series.name, self.frame.letters))}</text>"
        )


def spread(wanted: Sequence[float], top: float, bottom: float) -> list[float]:
    """Heights as near as possible to the sorted `wanted` ones, a line apart, from `top` to
    `bottom` if they fit."""
    placed: list[float] = []
    for height in wanted:
        placed.append(max(height, placed[-1] + LINE if placed else top))
    for at in range(len(placed) - 1, -1, -1):
        limit = placed[at + 1] - LINE if at + 1 < len(placed) else bottom
        placed[at] = min(placed[at], limit)
    return placed


def shorten(name: str, letters: int) -> str:
    """A name cut in its middle to at most `letters` characters."""
    if len(name) <= letters:
        return name
    kept = letters - 1
    return f"{name[: kept - kept // 2]}…{name[len(name) - kept // 2 :]}"
