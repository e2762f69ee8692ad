"""The pages that are generated: up to date, complete, and good Markdown."""

import re
from importlib import import_module

import pytest
from markdown_it import MarkdownIt

from docs import reference
from optimem.cli import cli

STALE = "stale; run `make reference`"
PAGES = {"cli.md": reference.cli_page, "api.md": reference.api_page}
MARKDOWN = MarkdownIt("commonmark").enable("table")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    assert (reference.DOCS / name).read_text("utf-8") == PAGES[name](), STALE


@pytest.mark.parametrize("name", PAGES)
def test_the_page_does_not_depend_on_the_terminal(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = PAGES[name]()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("OPTIMEM_MODEL", "another")
    assert PAGES[name]() == before


def test_every_option_of_every_command_is_there() -> None:
    sections = reference.cli_page().split("\n## optimem ")[1:]
    assert [section.split("\n")[0] for section in sections] == sorted(cli.commands)
    for section in sections:
        command = cli.commands[section.split("\n")[0]]
        names = {name for option in command.params for name in option.opts if name[0] == "-"}
        assert names == set(re.findall(r"`(--?[\w-]+)`", section.split("| --- | --- | --- |")[1]))
        assert "```sh\noptimem " in section or "```sh\ncat " in section


@pytest.mark.parametrize("module", reference.MODULES)
def test_every_public_name_is_there(module: str) -> None:
    page = reference.api_page()
    for name in getattr(import_module(module), "__all__", []):
        assert f"\n### {name}\n" in page or f"- `{name}`: " in page, name


def test_every_signature_is_python() -> None:
    blocks = re.findall(r"```python\n(.*?)```", reference.api_page(), re.S)
    assert len(blocks) > 80
    for block in blocks:
        code = block.replace("= …", "= ...").rstrip()
        if not re.match(r"@|(async )?def |class |[A-Z]+: ", code):
            code = f"def {code}"  # how a class is made
        complete = re.match(r"class .*:\n|[A-Z]+: ", code)
        compile(code if complete else f"{code}: ...", code.split("\n", 1)[0], "exec")


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_headings_and_tables_are_whole(name: str) -> None:
    page = PAGES[name]()
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in page.split("\n")
        if line.startswith("#")
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= headings
    html = MARKDOWN.render(page)
    assert "<p>|" not in html
    assert html.count("<table>") == page.count("| --- |\n")
