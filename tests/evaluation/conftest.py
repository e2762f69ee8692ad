"""A report, an inspection, and a real Chromium to open them in."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from optimem import OpticalMemory
from optimem.evaluation.inspection import write_inspection
from optimem.evaluation.report import write_report
from optimem.testing import plain_codec
from tests.evaluation.small import LOST, PROSE, row_codec, run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(run(), PROSE.text, row_codec(LOST), path)
    return path


@pytest.fixture(scope="session")
def inspection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inspection") / "memory.html"
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        memory.append("ann", [{"text": f"Fact {n} is 7{n}.", "id": f"m{n}"} for n in range(60)])
        memory.flush("ann")
        write_inspection(memory, "ann", path)
    return path


@pytest.fixture(scope="package")
def browser() -> Iterator[object]:
    """Chromium. It runs an event loop in this thread until it is closed: so not for longer than
    this package, or other tests could run none."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("chromium is not installed")
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
