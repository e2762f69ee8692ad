"""Figures as SVG, with text alternatives; colours come from the page's style. Pure."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 62, 20, 20, 52
COLOURS = 8
"""Curves that differ in colour, `.curve0` to `.curve7` in the style; marks likewise."""


class Series(NamedTuple):
    """A named run of points. `form`: "curve", "mark" for points without a line, such as
    published figures, or "guide" for a dashed line."""

    name: str
    points: list[tuple[float, float]]
    form: str = "curve"


class Axes(NamedTuple):
    """Titles, limits and ticks. The horizontal axis is logarithmic if `log`."""

    across: str
    up: str
    x: tuple[float, float]
    y: tuple[float, float]
    x_ticks: Sequence[float]
    y_ticks: Sequence[float]
    log: bool = False
    x_format: str = "{:g}"
    y_format: str = "{:.0%}"


def chart(series: Sequence[Series], axes: Axes, title: str, described: str) -> str:
    """An SVG of curves. `described`: what it shows, for who cannot see it."""
    lines = [_curve(each, _style(series, at), axes) for at, each in enumerate(series)]
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(described)}</desc>"
        f"{_grid(axes)}{''.join(lines)}</svg>{_legend(series)}"
    )


def _x(value: float, axes: Axes) -> float:
    low, high = axes.x
    if axes.log:
        value, low, high = math.log(max(value, low)), math.log(low), math.log(high)
    return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def _y(value: float, axes: Axes) -> float:
    low, high = axes.y
    return HEIGHT - BOTTOM - (max(value, low) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _grid(axes: Axes) -> str:
    bottom = HEIGHT - BOTTOM
    parts = []
    for tick in axes.y_ticks:
        y = _y(tick, axes)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        label = axes.y_format.format(tick)
        parts.append(f'<text x="{LEFT - 10}" y="{y + 5}" text-anchor="end">{label}</text>')
    for tick in axes.x_ticks:
        x, label = _x(tick, axes), axes.x_format.format(tick)
        parts.append(f'<text x="{x}" y="{bottom + 21}" text-anchor="middle">{label}</text>')
    parts.append(f'<text class="axis" x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">'
                 f"{escape(axes.across)}</text>")  # fmt: skip
    parts.append(f'<text class="axis" x="{LEFT}" y="{TOP - 6}">{escape(axes.up)}</text>')
    return "".join(parts)


def _curve(series: Series, style: str, axes: Axes) -> str:
    places = [(_x(x, axes), _y(y, axes), x, y) for x, y in sorted(series.points)]
    if series.form == "mark":
        marks = [f'<path d="M{x} {y - 6}l6 6l-6 6l-6-6z">{_tip(series, u, v, axes)}</path>'
                 for x, y, u, v in places]  # fmt: skip
        return f'<g class="mark {style}">{"".join(marks)}</g>'
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y, _, _ in places) if places else ""
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4">{_tip(series, u, v, axes)}</circle>'
            for x, y, u, v in places]  # fmt: skip
    return f'<g class="{series.form} {style}"><path d="{path}"/>{"".join(dots)}</g>'


def _style(series: Sequence[Series], index: int) -> str:
    """The style of a series: its form and which one of that form it is."""
    before = sum(other.form == series[index].form for other in series[:index])
    return f"{series[index].form}{before % COLOURS}"


def _tip(series: Series, x: float, y: float, axes: Axes) -> str:
    shown = f"{series.name}: {axes.x_format.format(round(x, 2))}, {y:.2%}"
    return f"<title>{escape(shown)}</title>"


def _legend(series: Sequence[Series]) -> str:
    items = [
        f'<li class="{_style(series, i)}"><i class="{s.form}"></i>{escape(s.name)}</li>'
        for i, s in enumerate(series)
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'
