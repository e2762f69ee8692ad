"""Workers that are processes: what they die of is named, and nothing outlives what started them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from optimem import encode_corpus
from optimem.corpus.local import LocalEngine
from optimem.corpus.shards import load_manifest
from optimem.errors import FormatError, ReaderUnavailableError, StoreLockedError
from optimem.protocols import PageCodec
from tests.corpus.workers import (
    DEADLY,
    broken_codec,
    deadly_codec,
    dying_codec,
    read_all,
    slow_codec,
    write_texts,
)

RUN = """
from optimem import encode_corpus
from optimem.corpus import run
from tests.corpus.workers import slow_codec
if __name__ == "__main__":
    run.SHARD_SECONDS = 0.2
    encode_corpus({source!r}, {out!r}, codec=slow_codec, workers=2)
"""
PATIENCE = 60.0


def started(source: Path, out: Path) -> subprocess.Popen[bytes]:
    """A run in a process of its own, once it has written a shard."""
    script = out.with_suffix(".py")
    script.write_text(RUN.format(source=str(source), out=str(out)))
    path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, script], env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE
    )
    wait_for(lambda: len(list(out.glob("shard-*.omem"))) > 1)
    assert process.poll() is None
    return process


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    texts = write_texts(tmp_path / "in", 400)
    out = tmp_path / "out"
    process = started(tmp_path / "in", out)
    workers = children(process.pid)
    assert len(workers) >= 2
    process.kill()
    process.communicate()
    wait_for(lambda: not any(map(is_running, workers)))
    done = sum(shard.documents for shard in load_manifest(out).shards)
    assert 0 < done < 400
    report = encode_corpus(tmp_path / "in", out, codec=slow_codec, workers=2)
    assert (report.encoded, report.unchanged, report.bad) == (400 - done, done, 0)
    read = list(read_all(out))
    assert len(read) == 400
    assert dict(read) == texts
    assert not list(out.glob("*.partial"))


def test_ctrl_c_keeps_what_was_encoded_and_leaves_nobody(tmp_path: Path) -> None:
    texts = write_texts(tmp_path / "in", 400)
    out = tmp_path / "out"
    process = started(tmp_path / "in", out)
    workers = children(process.pid)
    for pid in (process.pid, *workers):  # as a terminal does
        os.kill(pid, signal.SIGINT)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert error.rstrip().endswith(b"KeyboardInterrupt"), error.decode()
    assert b"spawn_main" not in error, error.decode()  # of workers
    wait_for(lambda: not any(map(is_running, workers)))
    read = list(read_all(out))
    assert 0 < len(read) == len(dict(read)) < 400
    assert dict(read).items() <= texts.items()


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    write_texts(tmp_path / "in", 400)
    process = started(tmp_path / "in", tmp_path / "out")
    try:
        with pytest.raises(StoreLockedError, match="another process is writing"):
            encode_corpus(tmp_path / "in", tmp_path / "out", codec=slow_codec)
    finally:
        process.terminate()
        process.communicate()


def test_a_document_that_workers_die_of_is_named_and_all_others_are_encoded(tmp_path: Path) -> None:
    texts = write_texts(tmp_path / "in", 20)
    (tmp_path / "in" / "poison.txt").write_text(f"this is {DEADLY}")
    report = encode_corpus(tmp_path / "in", tmp_path / "out", codec=deadly_codec, workers=1)
    assert (report.encoded, report.bad) == (20, 1)
    assert dict(read_all(tmp_path / "out")) == texts
    bad = (tmp_path / "out" / "bad.jsonl").read_text()
    assert '"poison.txt"' in bad
    assert "died (exit code 9)" in bad


@pytest.mark.parametrize(
    ("codec", "error", "message"),
    [
        (dying_codec, ReaderUnavailableError, r"died before .*exit code 7"),
        (broken_codec, FormatError, "weights are broken"),
    ],
)
def test_without_a_model_nothing_is_encoded(
    tmp_path: Path, codec: Callable[[], PageCodec], error: type[Exception], message: str
) -> None:
    write_texts(tmp_path / "in", 3)
    with pytest.raises(error, match=message):
        encode_corpus(tmp_path / "in", tmp_path / "out", codec=codec, workers=1)
    assert not load_manifest(tmp_path / "out").shards


def test_there_is_a_worker_for_each_device_or_else_for_each_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from optimem import build

    assert LocalEngine().workers == len(os.sched_getaffinity(0))
    monkeypatch.setattr(build, "visible_devices", lambda: ["0", "3", "GPU-7"])
    assert LocalEngine().workers == 3
    assert LocalEngine(1).workers == 1
