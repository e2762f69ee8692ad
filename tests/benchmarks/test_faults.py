"""The command of faults: its short form, and that it sees what is wrong."""

from pathlib import Path

from benchmarks.faults.__main__ import _lost, main
from benchmarks.faults.roles import Journal, faults, read_journal, text_of
from optimem.testing import open_memory
from optimem.turns import Turn
from tests.servers import REDIS_SERVER, need_redis


def test_a_short_run_on_a_server_finds_nothing() -> None:
    need_redis(REDIS_SERVER)
    assert main(["--seconds", "4", "--on", "server", "--processes", "2", "1", "1"]) == 0


def test_what_is_wrong_is_seen() -> None:
    memory = open_memory()
    memory.append("s", [Turn(text=text_of(f"w0.{n}"), id=f"w0.{n}") for n in (1, 0, 2)])
    memory.append("s", Turn(text=text_of("w0.3")[:9], id="w0.3"))
    journal = Journal({"s": {f"w0.{n}": 1.0 for n in (0, 1, 2, 4, 5)}}, set())
    found = list(faults("s", list(memory.reconstruct("s")), [journal], {"w0.5"}))
    assert found == ["cut: w0.3", "lost: w0.4", "out of order"]


def test_a_journal_whose_last_line_was_cut(tmp_path: Path) -> None:
    (tmp_path / "writer-3").write_text("stored s w3.0 1.5\nforget s w3.0 2\nstored s w3.1 2.")
    assert read_journal(tmp_path, 3) == Journal({"s": {"w3.0": 1.5}}, {"w3.0"})


def test_only_what_was_acknowledged_around_a_fail_over_may_be_lost() -> None:
    found = _lost([6.0, 9.5, 12.25, 50.0], [10.0])
    assert (found["lost"], found["lost in the fail-over"]) == (2, 2)
    assert found["ms behind its begin, the last of these"] == 2250
    assert _lost([9.5], [])["lost"] == 1
