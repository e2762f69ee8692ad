"""The command of faults: its short form, and that it sees what is wrong."""

from pathlib import Path

from benchmarks.faults.__main__ import main
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
    journal = Journal({"s": ["w0.0", "w0.1", "w0.2", "w0.4", "w0.5"]}, set())
    found = list(faults("s", list(memory.reconstruct("s")), [journal], {"w0.5"}))
    assert found == ["cut: w0.3", "lost: w0.4 (1)", "out of order"]


def test_a_journal_whose_last_line_was_cut(tmp_path: Path) -> None:
    (tmp_path / "writer-3").write_text("stored s w3.0\nforget s w3.0\nstored s w3.")
    assert read_journal(tmp_path, 3) == Journal({"s": ["w3.0"]}, {"w3.0"})
