"""A memory on one page: what is there, what fades when, and nothing changed."""

import re
from pathlib import Path

import pytest

from optimem import OpticalMemory, Scope
from optimem.errors import InputError, ScopeError
from optimem.evaluation.inspection import PART_NAMES, TEXT_LIMIT, byte_parts, write_inspection
from optimem.memory.decay import DAY
from optimem.memory.upkeep.stats import PARTS
from optimem.testing import plain_codec
from tests.evaluation.test_report import NETWORK

SCOPE = "work/ann/monday"


def test_pages_and_what_fades_when(tmp_path: Path) -> None:
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        turn = {"text": "The port is 6543 </script>. " * 14, "id": "m1"}
        memory.append(SCOPE, turn, now=0.0)
        memory.flush(SCOPE, now=0.0)
        before = memory.store.entries(Scope.parse(SCOPE))
        counted: list[int] = []
        write_inspection(
            memory, SCOPE, tmp_path / "a.html", now=0.25 * DAY, progress=counted.append
        )
        assert memory.store.entries(Scope.parse(SCOPE)) == before
        assert counted == [1]
        page = (tmp_path / "a.html").read_text()
        with pytest.raises(ScopeError, match=f"nothing in work/bob; scopes with turns: {SCOPE}"):
            write_inspection(memory, "work/bob", tmp_path / "b.html")
    assert not NETWORK.search(page)
    lines = dict(re.findall(r"<dt>(\w+)</dt><dd>([^<]+)</dd>", page))
    assert lines["written"] == "6 hours ago"
    assert lines["next"] == "fades to base in 18 hours"
    assert page.count("</script>") == 2


def test_the_whole_store_and_long_turns(tmp_path: Path) -> None:
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        for scope in ("a", "b"):
            memory.append(scope, {"text": "x" * (TEXT_LIMIT + 1), "id": "m1"}, now=0.0)
            memory.flush(scope, now=0.0)
        memory.pin("a", "m1")
        write_inspection(memory, None, tmp_path / "a.html", now=9 * DAY)
        page = (tmp_path / "a.html").read_text()
    assert "<dd>stays: pinned</dd>" in page
    assert "<dd>fades to small at the next sweep</dd>" in page
    assert page.count('"cut": true') == 2
    assert f'"{"x" * TEXT_LIMIT}"' in page
    anchors = set(re.findall(r'id="(page-\d+)"', page))
    assert anchors == set(re.findall(r'href="#on-(page-\d+)"', page))
    assert len(anchors) == page.count("data:image/png") == 22
    assert page.count('<a href="#turn-0"') == page.count('<a href="#turn-1"') == 11


def test_the_bytes_add_up_and_each_has_a_name() -> None:
    assert set(PART_NAMES) == {*PARTS, "other_bytes"}
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        memory.append("s", "y" * 700, now=0.0)
        memory.flush("s", now=0.0)
        memory.append("s", "a tail", now=0.0)
        stats = memory.stats()
    parts = byte_parts(stats)
    assert sum(part.size for part in parts) == stats.stored_bytes
    assert sum(part.part for part in parts) == pytest.approx(1)
    assert {"vision tokens", "text not on a page yet"} <= {part.name for part in parts}


@pytest.mark.parametrize(
    ("name", "reason"), [("a.txt/b.html", "cannot be written"), (".", "folder")]
)
def test_where_the_page_cannot_be_written_it_says_so(
    tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "a.txt").write_text("a file, not a folder")
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        memory.append("s", "text", now=0.0)
        with pytest.raises(InputError, match=reason):
            write_inspection(memory, "s", tmp_path / name)
