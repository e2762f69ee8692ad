"""Files that are written whole or not at all, on a real file system."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from optimem.errors import InputError
from optimem.omem.atomic import atomic_write

LIMITED = """
import resource, sys
from pathlib import Path
from optimem.omem.atomic import atomic_write
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with atomic_write(Path(sys.argv[1])) as file:
    file.write(bytes(100_000))
"""


EXPORTED = """
import json, resource, sys
from optimem.memory.upkeep import whole_export
from optimem.testing import open_memory
whole_export.IN_MEMORY = 500
with open_memory() as memory:
    memory.append("s", ["tide " * 200])
    lines = [json.dumps(line) for line in memory.export(["s"])]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        memory.import_lines(lines)
    finally:
        print(memory.ids("s") == memory.ids("s")[:1])
"""
PIPED = """
import resource, sys
from optimem.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
sys.argv = ["optimem", "read", "-"]
main()
"""


def break_off(path: Path, fault: type[BaseException]) -> None:
    with atomic_write(path) as file:
        file.write(b"half")
        raise fault


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.omem"
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["x.omem"]


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(tmp_path: Path, fault: type[BaseException]) -> None:
    path = tmp_path / "x.omem"
    path.write_bytes(b"old")
    with pytest.raises(fault):
        break_off(path, fault)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["x.omem"]


def test_places_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"), atomic_write(tmp_path):
        pass
    lost = tmp_path / "none" / "x.omem"
    with pytest.raises(InputError, match=r"there is no folder .*none; make it"), atomic_write(lost):
        pass
    with pytest.raises(InputError, match="too long"), atomic_write(tmp_path / ("x" * 300)):
        pass
    assert names(tmp_path) == []


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with atomic_write(pipe) as file:
            file.write(b"new")
        assert os.read(reader, 9) == b"new"
    finally:
        os.close(reader)
    assert (names(tmp_path), pipe.is_fifo()) == (["pipe"], True)


def test_where_there_is_no_room_nothing_is_left(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "x.omem")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "StoreFullError: no room to write" in done.stderr
    assert names(tmp_path) == []


@pytest.mark.parametrize("program", [EXPORTED, PIPED])
def test_where_there_is_no_room_for_temporary_files_they_are_named(program: str) -> None:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=bytes(100_000), capture_output=True, check=False)
    assert b"no room to write temporary files in /" in done.stderr
    assert b"name another folder in TMPDIR" in done.stderr


def test_a_new_file_has_the_permissions_that_the_user_asks_for(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "x.omem") as file:
            file.write(b"new")
    finally:
        os.umask(previous)
    assert (tmp_path / "x.omem").stat().st_mode & 0o777 == 0o640
