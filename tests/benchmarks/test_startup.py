"""The command of startup: its processes do what they are named for, in turns."""

import sys
from pathlib import Path

import pytest

from benchmarks.startup import measure, processes


def test_every_process_is_measured_in_turns(tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = "import sys; open(sys.argv[2], 'a').write(sys.argv[1])"
    commands = {name: [sys.executable, "-c", code, name, str(order)] for name in "ab"}
    seconds = measure(commands, 2, tmp_path / "bytecode")
    assert order.read_text() == "ababab"
    assert {name: len(each) for name, each in seconds.items()} == {"a": 2, "b": 2}
    assert all(spent > 0 for each in seconds.values() for spent in each)


def test_a_process_that_fails_fails_the_measurement(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="exit status 3"):
        measure({"a": [sys.executable, "-c", "raise SystemExit(3)"]}, 1, tmp_path)


def test_the_first_append_is_a_process(tmp_path: Path) -> None:
    commands = processes(tmp_path, [])
    append = {name: commands[name] for name in ("first append",)}
    assert set(commands) > {"python", "import torch", "optimem --help", "first page written"}
    measure(append, 1, tmp_path / "bytecode")
    assert (tmp_path / "tail.db").exists()
