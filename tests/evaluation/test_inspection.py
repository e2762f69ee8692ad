"""A memory on one page: what is there, what fades when, and nothing changed."""

import re
from pathlib import Path

import pytest

from optimem import OpticalMemory, Scope
from optimem.errors import ScopeError
from optimem.evaluation.inspection import TEXT_LIMIT, byte_table, tier_table, write_inspection
from optimem.memory.decay import DAY
from optimem.testing import plain_codec
from tests.evaluation.test_report import NETWORK

SCOPE = "work/ann/monday"


def test_pages_tiers_and_what_fades_when(tmp_path: Path) -> None:
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        turn = {"text": "The port is 6543 </script>. " * 14, "id": "m1"}
        memory.append(SCOPE, turn, now=0.0)
        memory.flush(SCOPE, now=0.0)
        before = memory.store.entries(Scope.parse(SCOPE))
        write_inspection(memory, SCOPE, tmp_path / "a.html", now=0.25 * DAY)
        assert memory.store.entries(Scope.parse(SCOPE)) == before
        page = (tmp_path / "a.html").read_text()
        with pytest.raises(ScopeError, match=f"nothing in work/bob; scopes with turns: {SCOPE}"):
            write_inspection(memory, "work/bob", tmp_path / "b.html")
    assert not NETWORK.search(page)
    tier, fades = re.search(r"<td>6 hours ago</td><td>(\w+)</td><td>([^<]+)</td>", page).groups()
    assert (tier, fades) == ("large", "in 18 hours")
    assert page.count("</script>") == 2


def test_the_whole_store_pinned_pages_and_long_turns(tmp_path: Path) -> None:
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        for scope in ("a", "b"):
            memory.append(scope, {"text": "x" * (TEXT_LIMIT + 1), "id": "m1"}, now=0.0)
            memory.flush(scope, now=0.0)
        memory.pin("a", "m1")
        write_inspection(memory, None, tmp_path / "a.html", now=9 * DAY)
        page = (tmp_path / "a.html").read_text()
    assert "<td>pinned</td>" in page
    assert "<td>at the next sweep</td>" in page
    assert page.count('"cut": true') == 2
    assert f'"{"x" * TEXT_LIMIT}"' in page


def test_the_tables_count_what_the_memory_holds() -> None:
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        memory.append("s", "y" * 700, now=0.0)
        memory.flush("s", now=0.0)
        stats = memory.stats()
    assert tier_table(stats)[1] == ["large", "2", "800", "842"]
    rows = dict(byte_table(stats)[1:])
    assert rows["text as written"] == "700"
    assert rows["everything stored"] == f"{stats.stored_bytes:,}"
