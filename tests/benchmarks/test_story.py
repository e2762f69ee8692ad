"""The picture of the README, of figures that are given: it says them, and fits."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np

from benchmarks.agents.story import _window, _within
from benchmarks.agents.story_picture import HEIGHT, WIDTH, Exhibit, Share, Story, draw
from optimem.renderers.images import page_png
from tests.docs.shell import ROOT

EXHIBIT = Exhibit(
    "Which <port>?", "Port 6543.", "tiny", 86_400.0 * 60, page_png(np.zeros((45, 269), np.uint8)),
    (269, 45), [(10.0, 19.0, 200.0, 26.0)],
)  # fmt: skip
STORY = Story(
    list(range(0, 30_000, 100)), [2000] * 300,
    [Share("everything", 40, 40), Share("optimem", 38, 40)], EXHIBIT,
)  # fmt: skip


def test_the_picture_says_the_figures() -> None:
    shown = "".join(ElementTree.fromstring(draw(STORY)).itertext())
    for figure in (
        "38 of 40",
        "at most 2,000",
        "turn 300",
        "“Which <port>?”",
        "Port 6543.",
        "Tiny",
    ):
        assert figure in shown
    assert "prefers-color-scheme:dark" in shown


def test_nothing_lies_beyond_its_edge() -> None:
    for x, y in re.findall(r' x="([\d.-]+)" y="([\d.-]+)"', draw(STORY)):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT


def test_a_window_stays_on_the_page() -> None:
    for box in ((0, 0, 512, 6.4), (500, 505, 512, 512), (250, 250, 300, 256)):
        left, top, right, bottom = window = _window(512, box)
        assert min(left, top) >= 0
        assert max(right, bottom) <= 512
        x0, y0, x1, y1 = _within(box, window)
        assert 0 <= x0 < x1 <= right - left
        assert 0 <= y0 < y1 <= bottom - top


def test_the_readme_shows_it_and_stays_short() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "(docs/context.svg)" in readme
    assert (ROOT / "docs" / "context.svg").exists()
    assert len(readme.splitlines()) < 120
