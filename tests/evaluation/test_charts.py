"""Curves are drawn to scale and told apart, and nothing in them is markup."""

import re
from itertools import pairwise

import pytest

from optimem.evaluation.charts import (
    COLOURS,
    LINE,
    NARROW,
    WIDE,
    Axis,
    Chart,
    Frame,
    Point,
    Series,
    draw_chart,
    responsive_chart,
    shorten,
    spread,
)
from optimem.evaluation.markers import marker_path

UNIT = Axis("x", 0, 1, (0, 1), "{:g}".format)
LOG = UNIT._replace(low=1, high=100, log=True)


def draw(series: list[Series], x: Axis = UNIT, y: Axis = UNIT, frame: Frame = WIDE) -> str:
    return draw_chart(Chart(series, x, y, "title", "described"), frame)


def line(svg: str) -> list[tuple[float, float]]:
    path = re.search(r'class="line" d="M([^"]+)"', svg).group(1)
    return [tuple(map(float, point.split())) for point in path.split("L")]


@pytest.mark.parametrize("frame", [WIDE, NARROW])
def test_points_lie_where_the_axes_say(frame: Frame) -> None:
    svg = draw([Series("a", [Point(1, 1), Point(0, 0)])], frame=frame)
    assert line(svg) == [
        (frame.left, frame.height - frame.bottom), (frame.width - frame.right, frame.top)
    ]  # fmt: skip
    assert "<title>title</title><desc>described</desc>" in svg


def test_a_logarithmic_axis_spaces_equal_ratios_equally_and_shows_nothing_below() -> None:
    points = [Point(1, 0.01), Point(10, 0.1), Point(100, 1)]
    y = Axis("y", 0.01, 1, (0.01, 0.1, 1), "{:g}".format, log=True)
    (x1, y1), (x2, y2), (x3, y3) = line(draw([Series("a", points)], LOG, y))
    assert (x2, y2) == pytest.approx(((x1 + x3) / 2, (y1 + y3) / 2), abs=0.1)
    svg = draw([Series("a", [Point(1, 0), Point(10, 0.01)])], LOG, y)
    (_, nothing), (_, least) = line(svg)
    assert nothing == WIDE.height - WIDE.bottom > least + 10
    assert ">none</text>" in svg
    assert ">none</text>" not in draw([Series("a", points)], LOG, y)


def test_an_interval_that_reaches_nothing_ends_above_the_labels() -> None:
    y = Axis("y", 0.01, 1, (0.01, 0.1, 1), "{:g}".format, log=True)
    svg = draw([Series("a", [Point(1, 0.1, 0, 0.5), Point(10, 0.1)])], LOG, y)
    low = float(re.search(r'class="interval" d="M\S+ (\S+)V', svg).group(1))
    assert low == WIDE.height - WIDE.bottom
    assert ">none</text>" in svg


def test_an_interval_is_drawn_around_its_point() -> None:
    svg = draw([Series("a", [Point(0.5, 0.5, 0.25, 0.75), Point(1, 1, 1, 1)])])
    (low, high) = re.search(r'class="interval" d="M[\d.]+ ([\d.]+)V([\d.]+)"', svg).groups()
    assert float(low) > line(svg)[0][1] > float(high)
    assert svg.count('class="interval"') == 1


def test_each_series_has_a_colour_a_marker_and_a_label() -> None:
    series = [Series("a", [Point(0, 0)]), Series("b", [Point(1, 1)], form="mark"),
              Series("c", [Point(0, 1)], form="guide")]  # fmt: skip
    svg = draw(series)
    for style in ("curve s0", "mark s1", "guide s2"):
        assert svg.count(f'class="{style}"') == 2  # in the chart and at the label
    assert set(re.findall(r'class="label"[^>]*>(\w)<', svg)) == {"a", "b", "c"}
    shapes = {marker_path(style, 0, 0) for style in range(COLOURS)}
    assert len(shapes) == COLOURS


def test_labels_keep_apart_and_in_the_frame() -> None:
    placed = spread([100, 101, 102, 390], 30, 344)
    assert all(below - above >= LINE for above, below in pairwise(placed))
    assert placed[0] == 100
    assert placed[-1] == 344
    assert spread([], 0, 9) == []


def test_long_names_are_cut_in_the_middle() -> None:
    assert shorten("src/deep/folder/app.py", 12) == "src/de…pp.py"
    assert shorten("short", 5) == "short"
    narrow = draw([Series("x" * 99, [Point(0, 0)])], frame=NARROW)
    assert len(re.search(r'class="label"[^>]*>([^<]+)<', narrow).group(1)) == NARROW.letters


def test_screens_and_phones_have_a_drawing_each() -> None:
    both = responsive_chart(Chart([Series("a", [Point(1, 1)])], UNIT, UNIT, "t", "d"))
    assert (both.count("chart wide"), both.count("chart narrow")) == (1, 1)


def test_names_are_escaped() -> None:
    chart = Chart([Series("<b>", [Point(0, 1)])], UNIT, UNIT, "<b>", "<b>")
    assert "<b>" not in draw_chart(chart, WIDE)
