"""The commands of whoever runs a store, as processes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from optimem import OpticalMemory
from tests.cli.command import run


def test_a_worker_works_once(tmp_path: Path) -> None:
    store = str(tmp_path / "m.db")
    run("remember", "a/b/c", "--store", store, stdin=b"port 6543")
    policy = ("--policy", "forget_after=1h,large=1h,base=1h,small=1h,tiny=1h")
    done = run("worker", "--once", "--now", "2099-01-01", "--json", "--store", store, *policy)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["entries"] == 0  # stored under another policy
    run("remember", "a/b/d", "--store", store, *policy, stdin=b"port 6543")
    shown = run("worker", "--once", "--now", "2099-01-01", "--store", store, *policy)
    assert b"0 pages faded, 1 forgotten" in shown.stdout, shown.stderr


def test_a_policy_that_is_none_is_named(tmp_path: Path) -> None:
    store = str(tmp_path / "m.db")
    done = run("remember", "s", "--store", store, stdin=b"x", OPTIMEM_POLICY="large=soon")
    assert (done.returncode, b"'soon' is not an age" in done.stderr) == (1, True)


def test_a_signal_ends_a_worker_gracefully(tmp_path: Path) -> None:
    OpticalMemory.open(tmp_path / "m.db").close()
    for number in (signal.SIGTERM, signal.SIGINT):
        command = [sys.executable, "-m", "optimem.cli", "worker", "--idle", "0.05"]
        command += ["--store", str(tmp_path / "m.db")]
        process = subprocess.Popen(
            [sys.executable, "-c", STARTED, *command[3:]], stdout=subprocess.PIPE, env=os.environ
        )
        assert process.stdout
        assert process.stdout.readline() == b"started\n"
        process.send_signal(number)
        shown, _ = process.communicate(timeout=60)
        assert (process.returncode, shown.count(b"0 pages faded")) == (0, 1)


STARTED = """
import sys, threading
from optimem.memory.fading.worker import Worker
batch = Worker._batch
Worker._batch = lambda self: (print("started", flush=True), setattr(Worker, "_batch", batch))[1]
from optimem.cli import main
main()
"""


def test_export_import_scopes_and_receipts(tmp_path: Path) -> None:
    store, copy = str(tmp_path / "m.db"), str(tmp_path / "copy.db")
    for session in ("monday", "tuesday"):
        run("remember", f"work/ann/{session}", "--store", store, stdin=session.encode())
    listed = json.loads(run("scopes", "--json", "--store", store).stdout)
    assert [(each["scope"], each["turns"]) for each in listed] == [
        ("work/ann/monday", 1),
        ("work/ann/tuesday", 1),
    ]
    assert b"work/ann/tuesday" in run("scopes", "work/ann", "--store", store).stdout
    exported = run("export", "work/ann", "--user", "--store", store)
    assert exported.stdout.count(b"\n") == 4
    cut = run("import", "--store", copy, stdin=exported.stdout.rsplit(b"\n", 2)[0] + b"\n")
    assert b"cut off behind line 3" in cut.stderr
    done = run("import", "--store", copy, stdin=exported.stdout)
    assert b"2 turns appended in 2 scopes" in done.stdout, done.stderr
    receipt = run("forget", "work/ann", "--user", "--yes", "--json", "--store", store).stdout
    held = run("verify-receipt", "--store", store, stdin=receipt)
    assert (held.returncode, b"the receipt holds" in held.stdout) == (0, True), held.stderr
    done = run("verify-receipt", "--store", copy, stdin=b"{}")
    assert b"is not a receipt of `optimem forget --json`: scopes: Field required\n" in done.stderr


def test_unknown_scopes_fail_with_suggestions(tmp_path: Path) -> None:
    store = str(tmp_path / "m.db")
    run("remember", "work/ann/monday", "--store", store, stdin=b"hello")
    name = "work/ann/munday"
    for command in (["recall", name, "x"], ["stats", name], ["forget", name, "--yes"]):
        done = run(*command, "--store", store)
        assert done.returncode == 1, command
        assert b"holds nothing; did you mean work/ann/monday?" in done.stderr, command
    done = run("forget", "work/bob", "--user", "--yes", "--store", store)
    assert (done.returncode, b"has no scopes" in done.stderr) == (1, True)


def test_stats_say_what_the_store_is(tmp_path: Path) -> None:
    store = str(tmp_path / "m.db")
    run("remember", "s", "--store", store, stdin=b"hello")
    assert json.loads(run("stats", "--json", "--store", store).stdout)["store"]["place"] == store


def test_stats_are_shown_again_and_again_until_ctrl_c(tmp_path: Path) -> None:
    store = str(tmp_path / "m.db")
    OpticalMemory.open(store).close()
    command = [sys.executable, "-m", "optimem.cli", "stats", "--watch", "0.1", "--json"]
    process = subprocess.Popen(
        [*command, "--store", store],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout
    shown = iter(process.stdout)
    first = json.loads(b"".join(iter(lambda: next(shown), b"}\n")) + b"}")
    with OpticalMemory.open(store) as memory:
        memory.append("s", "hello")
    for _ in range(50):
        now = json.loads(b"".join(iter(lambda: next(shown), b"}\n")) + b"}")
        if now["turns"]:
            break
    assert (first["turns"], now["turns"]) == (0, 1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, b"interrupted" in said) == (130, True)


def test_a_store_is_copied(tmp_path: Path) -> None:
    store, copy = str(tmp_path / "m.db"), str(tmp_path / "copy.db")
    run("remember", "s", "--store", store, stdin=b"hello")
    done = run("copy", store, copy)
    assert (done.returncode, b"1 of 1 scopes are equal" in done.stdout) == (0, True), done.stderr
    run("remember", "s", "--store", store, stdin=b"later")
    assert run("copy", store, copy).returncode == 1
    assert run("copy", store, copy, "--replace").returncode == 0


def test_files_that_cannot_be_read_or_written_are_named(tmp_path: Path) -> None:
    store, broken = str(tmp_path / "m.db"), tmp_path / "broken.jsonl"
    run("remember", "s", "--store", store, stdin=b"hello")
    broken.write_bytes(run("export", "s", "--store", store).stdout + b"\xff\n")
    for command, reason in (
        (["import", str(tmp_path / "none.jsonl")], b"No such file"),
        (["import", str(broken)], b"line 4 is not UTF-8 text: byte 0 is 0xff"),
        (["export", "s", "-o", str(tmp_path / "none" / "x.jsonl")], b"there is no folder"),
    ):
        done = run(*command, "--store", store)
        assert (reason in done.stderr, b"Traceback" in done.stderr) == (True, False), done.stderr
    out = tmp_path / "out.jsonl"
    assert run("export", "s", "-o", str(out), "--store", store).returncode == 0
    assert out.read_bytes().count(b"\n") == 3


def test_a_copy_of_nothing_leaves_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "typo.db", tmp_path / "copy.db"
    done = run("copy", str(source), str(target))
    assert (done.returncode, b"there is no store" in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []
    run("remember", "s", "--store", str(source), stdin=b"hello")
    done = run("copy", str(source), str(source))
    assert (done.returncode, b"both the source and the target" in done.stderr) == (1, True)
