"""`optimem eval` with the shipped model: interrupted with Ctrl-C, gone on with, reported."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "optimem.cli", "eval"]
PATIENCE = 120  # seconds for the first part, the weights loaded


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("eval")
    lines = (f"On day {n} the keeper of lock {n * 7} wrote {n * 31} words.\n" for n in range(700))
    (folder / "log.txt").write_text("".join(lines))
    given = [f"prose={folder / 'log.txt'}", "--ratios", "20", "--pages", "1"]
    return [*COMMAND, *given, "--report", str(folder / "out"), "--json"]


def test_a_run_is_interrupted_and_goes_on(asked: list[str]) -> None:
    journal = Path(asked[asked.index("--report") + 1]) / "results.jsonl"
    first = subprocess.Popen(asked, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and not (journal.exists() and b'"part"' in journal.read_bytes()):
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    told = first.communicate()[1]
    assert first.returncode == 130
    assert "run the same to go on" in told
    kept = journal.read_text().splitlines()
    assert len(kept) >= 2

    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert journal.read_text().splitlines()[: len(kept)] == kept
    assert len(journal.read_text().splitlines()) == len(result["parts"]) + 1
    prose = result["parts"]["score/prose/20×"]
    assert prose["tier"] in ("base", "small", "large")
    assert prose["figures"]["right"]["value"] > 0.9
    assert journal.with_name("report.html").stat().st_size > 100_000
