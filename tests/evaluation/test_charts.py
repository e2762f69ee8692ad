"""Curves are drawn to scale, and nothing in them is markup."""

import re

import pytest

from optimem.evaluation.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axes, Series
from optimem.evaluation.charts import draw_chart as draw

UNIT = Axes("x", "y", (0, 1), (0, 1), (0, 1), (0, 1))


def dots(svg: str) -> list[tuple[float, float]]:
    return [
        (float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)
    ]


def test_points_lie_where_the_axes_say() -> None:
    svg = draw([Series("a", [(1, 1), (0, 0)])], UNIT, "title", "described")
    assert dots(svg) == [(LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, TOP)]
    assert "<title>title</title><desc>described</desc>" in svg


def test_a_logarithmic_axis_spaces_equal_ratios_equally() -> None:
    axes = UNIT._replace(x=(1, 100), log=True)
    (first, _), (middle, _), (last, _) = dots(
        draw([Series("a", [(1, 0), (10, 0), (100, 0)])], axes, "", "")
    )
    assert middle == pytest.approx((first + last) / 2)


def test_each_series_has_its_style_and_its_legend() -> None:
    series = [Series("a", [(0, 0)]), Series("b", [(1, 1)]), Series("c", [(0, 1)], form="mark")]
    svg = draw(series, UNIT, "", "")
    for style in ("curve curve0", "curve curve1", "mark mark0"):
        assert svg.count(f'class="{style}"') == 1
    assert re.findall(r"</i>(\w)</li>", svg) == ["a", "b", "c"]


def test_names_are_escaped() -> None:
    assert "<b>" not in draw([Series("<b>", [(0, 1)])], UNIT, "<b>", "<b>")
