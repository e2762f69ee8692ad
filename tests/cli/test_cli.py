"""The command line, run as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from optimem.evaluation.measures import accuracy

TEXT = "The staging database listens on port 6543.\nSecond line: naïve café, 30 % off.\n" * 20


def run(
    *arguments: str, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:

    return subprocess.run(
        [sys.executable, "-m", "optimem.cli", *arguments],
        input=stdin,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "notes.txt").write_text(TEXT, "utf-8")
    done = run("compress", str(folder / "notes.txt"), "--tier", "large", "--json")
    assert done.returncode == 0, done.stderr
    return folder / "notes.omem", json.loads(done.stdout)


def test_compress_reports_what_it_cost(compressed: tuple[Path, dict[str, object]]) -> None:
    path, report = compressed
    fields = (
        "pages text_tokens vision_tokens positions ratio ratio_positions text_bytes zstd_bytes "
        "stored_bytes seconds"
    )
    assert set(fields.split()) <= set(report)
    assert (report["pages"], report["vision_tokens"], report["positions"]) == (1, 400, 421)
    assert report["text_bytes"] == len(TEXT.encode())
    assert report["stored_bytes"] == path.stat().st_size


def test_the_file_holds_no_copy_of_the_text(compressed: tuple[Path, dict[str, object]]) -> None:
    data = compressed[0].read_bytes()
    assert b"staging" not in data
    assert b"6543" not in data


def test_read_prints_the_text_and_nothing_else(compressed: tuple[Path, dict[str, object]]) -> None:
    done = run("read", str(compressed[0]))
    assert done.returncode == 0
    assert accuracy(TEXT, done.stdout.decode()) > 0.98


def test_a_page_that_is_not_there(compressed: tuple[Path, dict[str, object]]) -> None:
    done = run("read", str(compressed[0]), "--page", "7")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"there is no page 7; the file has 1" in done.stderr


@pytest.mark.parametrize("damage", ["cut", "flip", "version", "foreign"])
def test_a_damaged_file_is_named(
    compressed: tuple[Path, dict[str, object]], tmp_path: Path, damage: str
) -> None:
    data = bytearray(compressed[0].read_bytes())
    if damage == "cut":
        data = data[:-40]
    elif damage == "flip":
        data[len(data) // 2] ^= 1
    elif damage == "version":
        data[4] = 9
    else:
        data = bytearray(b"not an omem file at all")
    path = tmp_path / "bad.omem"
    path.write_bytes(data)
    done = run("read", str(path))
    assert (done.returncode, done.stdout) == (1, b"")
    expected = {"version": b"version 9", "foreign": b"no .omem file"}.get(damage, b"damaged or cut")
    assert expected in done.stderr


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", b"is empty"), (b"abc\xff\xfe", b"byte 3 is 0xff"), (b"a\x00b", b"U+0000")],
)
def test_bad_input_is_named_and_writes_nothing(tmp_path: Path, data: bytes, message: bytes) -> None:
    source = tmp_path / "bad.txt"
    source.write_bytes(data)
    done = run("compress", str(source))
    assert done.returncode == 1
    assert message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.txt"]


def test_wrong_usage_exits_with_2(tmp_path: Path) -> None:
    assert run("compress", "-", stdin=b"x").returncode == 2
    assert run("compress", "x.txt", "--tier", "huge").returncode == 2
    assert run("compress", str(tmp_path / "missing.txt")).returncode == 2
    assert run("nonsense").returncode == 2


def test_help_shows_examples() -> None:
    for command in ("compress", "read", "remember", "recall", "reconstruct", "sweep", "stats",
                    "forget", "pin", "unpin", "ask", "demo"):  # fmt: skip
        assert b"Example" in run(command, "--help").stdout, command


def test_a_memory_from_start_to_end(tmp_path: Path) -> None:
    store = str(tmp_path / "m.db")
    chat = b"user: which port does staging use?\nassistant: Port 6543,\nthrough pgbouncer.\n"
    done = run("remember", "a/b/c", "-", "--chat", "--store", store, stdin=chat)
    assert b"2 turns remembered" in done.stdout, done.stderr
    (hit,) = json.loads(run("recall", "a/b/c", "pgbouncer", "--json", "--store", store).stdout)
    assert hit["text"] == "Port 6543,\nthrough pgbouncer."
    turns = json.loads(run("reconstruct", "a/b/c", "--json", OPTIMEM_STORE=store).stdout)
    assert [turn["role"] for turn in turns] == ["user", "assistant"]
    stats = json.loads(run("stats", "--json", "--store", store).stdout)
    assert (stats["turns"], stats["pages"]) == (2, 0)
    assert b"0 pages would fade" in run("sweep", "--dry-run", "--store", store).stdout
    assert run("forget", "a/b/c", "--store", store, stdin=b"n\n").returncode == 130
    receipt = json.loads(run("forget", "a/b/c", "--yes", "--json", "--store", store).stdout)
    assert (receipt["turns"], receipt["left"]) == (2, 0)
    missing = run("pin", "a/b/c", "x", "--store", store)
    assert missing.returncode == 1
    assert b"holds no turn 'x'" in missing.stderr


def test_a_dead_server_and_a_foreign_file_are_named(tmp_path: Path) -> None:
    done = run("stats", "--store", "redis://127.0.0.1:1")
    assert done.returncode == 1
    assert b"optimem: " in done.stderr
    foreign = tmp_path / "x.db"
    foreign.write_bytes(b"this is not a database, it is text" * 40)
    assert run("stats", "--store", str(foreign)).returncode == 1
    assert foreign.read_bytes().startswith(b"this is not a database")
