"""The documentation site: every page is listed, figures are up to date, and links lead somewhere.
`make docs` builds it and takes any warning for an error."""

import re
from pathlib import Path

import pytest

from docs import figures

DOCS = Path(figures.__file__).parent
PAGES = sorted(DOCS.glob("*.md"))


def test_every_page_is_in_the_navigation_once() -> None:
    nav = (DOCS.parent / "mkdocs.yml").read_text("utf-8").partition("nav:")[2]
    assert sorted(re.findall(r": (\S+\.md)$", nav, re.M)) == [page.name for page in PAGES]


@pytest.mark.parametrize(("name", "draw"), [("flow", figures.flow), ("tiers", figures.tiers)])
def test_figures_are_up_to_date(name: str, draw: object) -> None:
    assert (DOCS / f"{name}.svg").read_text("utf-8") == draw(), "stale; run `make reference`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = page.read_text("utf-8")
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", text):
        path = page.parent / target if target else page
        assert path.exists(), target
        if anchor:
            lines = path.read_text("utf-8").splitlines()
            assert anchor in {slug(line) for line in lines if line.startswith("#")}, anchor


def slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")


def test_the_first_question_is_why_not_to_store_the_text() -> None:
    first = re.search(r"^## (.+)\n\n(.+)", (DOCS / "faq.md").read_text("utf-8"), re.M)
    assert first.group(1) == "Why not store the text?"
    assert first.group(2).startswith("If you only need storage, store the text.")
