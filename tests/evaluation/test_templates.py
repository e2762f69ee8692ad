"""The report and the inspection in a real Chromium: slider, keyboard, themes, search, phones."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright import sync_api as playwright

from optimem import OpticalMemory
from optimem.evaluation.inspection import write_inspection
from optimem.evaluation.report import write_report
from optimem.testing import plain_codec
from tests.evaluation.small import LOST, PROSE, run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    if os.environ.get("CI"):
        pytest.fail("chromium is not installed", pytrace=False)
    pytest.skip("chromium is not installed", allow_module_level=True)

PHONE = {"width": 360, "height": 740}
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(run(), PROSE.text, plain_codec(LOST), path)
    return path


@pytest.fixture(scope="module")
def inspection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inspection") / "memory.html"
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        memory.append("ann", [{"text": f"Fact {n} is 7{n}.", "id": f"m{n}"} for n in range(60)])
        memory.flush("ann")
        write_inspection(memory, "ann", path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: object) -> Iterator[object]:
    """A page without network that fails the test if the console shows anything."""
    context = browser.new_context(offline=True)
    tab, messages = context.new_page(), []
    tab.on("console", lambda message: messages.append(message.text))
    tab.on("pageerror", lambda error: messages.append(str(error)))
    yield tab
    context.close()
    assert messages == []


def test_the_slider_follows_the_keyboard_from_large_to_trace(page: object, report: Path) -> None:
    page.goto(report.as_uri())
    page.locator("#tier").focus()
    shown = []
    for _ in range(5):
        image = page.locator("#image").get_attribute("alt")
        shown.append((page.locator("#name").text_content(), image.split()[-2]))
        page.keyboard.press("ArrowRight")
    assert shown == [("large", "1280"), ("base", "1024"), ("small", "640"), ("tiny", "512"),
                    ("trace", "384")]  # fmt: skip
    marked = page.locator("#read .u.w").all_text_contents()
    assert marked
    assert set("".join(marked)) == {"?"}  # what the small decoder loses: uncertain and wrong
    page.keyboard.press("Home")
    assert page.locator("#read .u").count() == 0
    assert page.evaluate("document.getElementById('image').naturalWidth") == 1280


def test_tokens_can_be_shown(page: object, report: Path) -> None:
    page.goto(report.as_uri())
    assert not page.locator("#tokens").is_visible()
    page.locator("#grid").check()
    assert page.locator("#tokens").is_visible()
    assert page.locator("#tokens rect").count() == 400


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system_and_the_button(
    page: object, report: Path, scheme: str
) -> None:
    def lightness() -> int:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return int(colour.split("(")[1].split(",")[0])

    page.emulate_media(color_scheme=scheme)
    page.goto(report.as_uri())
    assert (lightness() > 128) == (scheme == "light")
    page.locator("#theme").click()
    assert (lightness() > 128) == (scheme == "dark")


def test_pages_fit_a_phone(page: object, report: Path, inspection: Path) -> None:
    page.set_viewport_size(PHONE)
    for path in (report, inspection):
        page.goto(path.as_uri())
        assert not page.evaluate(WIDER)


def test_the_inspection_finds_what_is_readable(page: object, inspection: Path) -> None:
    page.goto(inspection.as_uri())
    assert "60 of 60 turns, the last 50 shown" in page.locator("#count").text_content()
    page.locator("#query").fill("fact 742")
    assert page.locator("#count").text_content() == "1 of 60 turns"
    assert "Fact 42 is 742." in page.locator("#turns").text_content()
