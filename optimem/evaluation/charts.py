"""Line charts as SVG, with text alternatives; the page's style gives them their colours. Pure."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 62, 20, 20, 52
COLOURS = 8
"""How many curves differ in colour: `.curve0` to `.curve7` in the style."""


class Series(NamedTuple):
    """Named points. `form`: "curve"; "mark" for points without a line, such as published figures;
    "guide" for a dashed line."""

    name: str
    points: list[tuple[float, float]]
    form: str = "curve"


class Axes(NamedTuple):
    """Titles, limits and ticks. `log`: the x axis is logarithmic."""

    x_title: str
    y_title: str
    x: tuple[float, float]
    y: tuple[float, float]
    x_ticks: Sequence[float]
    y_ticks: Sequence[float]
    log: bool = False
    x_format: str = "{:g}"
    y_format: str = "{:.0%}"


def draw_chart(series: Sequence[Series], axes: Axes, title: str, described: str) -> str:
    """An SVG of the series, and its legend as HTML. `described`: what it shows, for those who
    cannot see it."""
    styles = [_style(series, index) for index in range(len(series))]
    drawn = [_draw_series(each, style, axes) for each, style in zip(series, styles, strict=True)]
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(described)}</desc>"
        f"{_draw_grid(axes)}{''.join(drawn)}</svg>{_legend(series, styles)}"
    )


def _style(series: Sequence[Series], index: int) -> str:
    """The CSS class of a series: its form, and its number among those of that form."""
    before = sum(other.form == series[index].form for other in series[:index])
    return f"{series[index].form}{before % COLOURS}"


def _draw_grid(axes: Axes) -> str:
    return "".join([
        *(_y_tick(tick, axes) for tick in axes.y_ticks),
        *(_x_tick(tick, axes) for tick in axes.x_ticks),
        f'<text class="axis" x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">'
        f"{escape(axes.x_title)}</text>",
        f'<text class="axis" x="{LEFT}" y="{TOP - 6}">{escape(axes.y_title)}</text>',
    ])  # fmt: skip


def _y_tick(tick: float, axes: Axes) -> str:
    y, label = _y(tick, axes), axes.y_format.format(tick)
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        f'<text x="{LEFT - 10}" y="{y + 5}" text-anchor="end">{label}</text>'
    )


def _x_tick(tick: float, axes: Axes) -> str:
    x, label = _x(tick, axes), axes.x_format.format(tick)
    return f'<text x="{x}" y="{HEIGHT - BOTTOM + 21}" text-anchor="middle">{label}</text>'


def _draw_series(series: Series, style: str, axes: Axes) -> str:
    points = [(_x(x, axes), _y(y, axes), _tooltip(series, x, y, axes))
              for x, y in sorted(series.points)]  # fmt: skip
    if series.form == "mark":
        marks = [f'<path d="M{x} {y - 6}l6 6l-6 6l-6-6z">{tip}</path>' for x, y, tip in points]
        return f'<g class="mark {style}">{"".join(marks)}</g>'
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in points) if points else ""
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4">{tip}</circle>' for x, y, tip in points]
    return f'<g class="{series.form} {style}"><path d="{path}"/>{"".join(dots)}</g>'


def _tooltip(series: Series, x: float, y: float, axes: Axes) -> str:
    shown = f"{series.name}: {axes.x_format.format(round(x, 2))}, {y:.2%}"
    return f"<title>{escape(shown)}</title>"


def _legend(series: Sequence[Series], styles: Sequence[str]) -> str:
    items = [
        f'<li class="{style}"><i class="{each.form}"></i>{escape(each.name)}</li>'
        for each, style in zip(series, styles, strict=True)
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'


def _x(value: float, axes: Axes) -> float:
    low, high = axes.x
    if axes.log:
        value, low, high = math.log(max(value, low)), math.log(low), math.log(high)
    return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def _y(value: float, axes: Axes) -> float:
    low, high = axes.y
    return HEIGHT - BOTTOM - (max(value, low) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)
