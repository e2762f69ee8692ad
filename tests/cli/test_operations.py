"""The commands of whoever runs a store, as processes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

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
    done = run("sweep", "--store", str(tmp_path / "m.db"), OPTIMEM_POLICY="large=soon")
    assert (done.returncode, b"'soon' is not an age" in done.stderr) == (1, True)


def test_a_signal_ends_a_worker_gracefully(tmp_path: Path) -> None:
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
from optimem.memory.worker import Worker
batch = Worker._batch
Worker._batch = lambda self: (print("started", flush=True), setattr(Worker, "_batch", batch))[1]
from optimem.cli import main
main()
"""
