"""The table of errors in the documentation is the table of the code."""

import re
from pathlib import Path

from optimem.serve.problems import STATUS

PAGE = Path(__file__).parents[2] / "docs" / "service.md"


def test_the_page_names_the_status_of_every_error() -> None:
    rows = re.findall(r"^\| (\d[\d, ]*) \| (.*) \|$", PAGE.read_text("utf-8"), re.M)
    told = {
        (name, int(status))
        for statuses, names in rows
        for status in statuses.split(", ")
        for name in re.findall(r"`(\w+)`", names)
    }
    ours = {(error.__name__, status) for error, status in STATUS.items()}
    assert ours - {("OptimemError", 500)} <= told
