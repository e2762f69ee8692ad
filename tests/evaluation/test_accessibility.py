"""The reports for everybody: axe-core finds nothing in a real Chromium, the keyboard reaches
everything, and no two series look alike to people who see fewer colours."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from optimem.evaluation.charts import COLOURS
from tests.evaluation.colour import VISION, closest, contrast

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
STYLE = files("optimem.evaluation").joinpath("templates", "style.css").read_text("utf-8")
APART = 15.0
"""CIEDE2000; 2.3 is what people just notice, and small marks need a multiple."""


def palette(scheme: str) -> dict[str, str]:
    """The colours of a scheme by name."""
    block = re.search(rf"{{% set {scheme} %}}(.*?){{% endset %}}", STYLE, re.S).group(1)
    return {name: f"#{value * 2 if len(value) == 3 else value}"
            for name, value in re.findall(r"--([\w-]+):#([0-9a-f]{3,6})", block)}  # fmt: skip


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_series_look_different(scheme: str, vision: str) -> None:
    colours = palette(scheme)
    assert closest([colours[f"s{at}"] for at in range(COLOURS)], vision) > APART


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_series_stand_out_from_the_page(scheme: str) -> None:
    colours = palette(scheme)
    for at in range(COLOURS):
        for behind in ("paper", "card"):
            assert contrast(colours[f"s{at}"], colours[behind]) >= 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(
    page: object, report: Path, inspection: Path, scheme: str, width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    for path in (report, inspection):
        page.goto(path.as_uri())
        if path == report:  # a tier with errors in it
            page.locator("#tier").focus()
            page.keyboard.press("End")
            assert page.locator("#read .u.w").count()
        page.evaluate(AXE)
        found = page.evaluate("axe.run().then(result => result.violations)")
        problems = [(each["id"], each["nodes"][0]["html"][:200]) for each in found]
        assert problems == []


def test_the_keyboard_reaches_everything_that_can_be_used(page: object, report: Path) -> None:
    page.goto(report.as_uri())
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"theme", "tier", "grid", "stage", "read", "scroll"} <= reached
