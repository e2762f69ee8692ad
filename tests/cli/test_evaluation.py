"""`optimem eval` and `optimem inspect`, run as a user runs them."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from optimem.cli import cli
from tests.cli.command import run

COMMAND = [sys.executable, "-m", "optimem.cli", "eval"]
PATIENCE = 120  # seconds for the first part, the weights loaded


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("eval") / "log.txt"
    lines = (f"On day {n} the keeper of lock {n * 7} wrote {n * 31} words.\n" for n in range(700))
    path.write_text("".join(lines))
    return path


def test_a_run_on_standard_input_is_interrupted_and_resumes(log: Path) -> None:
    out = log.parent / "out"
    asked = ["prose=-", "--ratios", "20", "--pages", "1", "--report", str(out)]
    journal = out / "results.jsonl"
    with log.open("rb") as given:
        first = subprocess.Popen(
            [*COMMAND, *asked], stdin=given, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and not (journal.exists() and b'"part"' in journal.read_bytes()):
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    message = first.communicate()[1]
    assert first.returncode == 130
    assert "run the same command again to resume" in message
    kept = journal.read_text().splitlines()
    assert len(kept) >= 2

    done = run("eval", *asked, "--json", stdin=log.read_bytes())
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert journal.read_text().splitlines()[: len(kept)] == kept
    assert len(journal.read_text().splitlines()) == len(result["parts"]) + 1
    prose = result["parts"]["score/prose/20×"]
    assert prose["tier"] in ("base", "small", "large")
    assert prose["figures"]["right"]["value"] > 0.9
    assert journal.with_name("report.html").stat().st_size > 100_000

    shown = run("eval", *asked, stdin=log.read_bytes()).stdout.decode()  # from the journal
    assert "As good as optimem or better" in shown
    assert max(map(len, shown.splitlines()[:-1])) <= 80
    assert shown.startswith("prose: Take ")
    shown = run("eval", *asked, "--markdown", stdin=log.read_bytes()).stdout.decode()
    assert shown.startswith("## Verdict\n\n- prose: **Take ")


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("Too short for a page.")
    asked = ["eval", str(short)]
    for given, message in (
        (asked, "a page has 12,800"),
        ([*asked, "--ratios", "ten"], "write numbers with commas"),
        ([*asked, "--tokenizer", "gpt-9"], "unknown tokenizer 'gpt-9'"),
        ([*asked, "--baseline", "magic"], "unknown baseline 'magic'"),
        ([*asked, "--model", "gpt-9"], "no model is called 'gpt-9'"),
        (["eval", "--ratios", "900"], "no tier reaches 900×"),
    ):
        assert message in str(CliRunner().invoke(cli, given).exception)


@pytest.mark.parametrize("given", ["-", "notes=-"])
def test_a_text_comes_from_standard_input(given: str) -> None:
    for text, message in ((b"Too short for a page.", "a page has 12,800"), (b"", "- is empty")):
        done = CliRunner().invoke(cli, ["eval", given], input=text)
        assert message in str(done.exception)
    done = CliRunner().invoke(cli, ["eval", given], input=b"\xff")
    assert "standard input" in str(done.exception)


def test_inspect_writes_a_page(tmp_path: Path) -> None:
    store, page = str(tmp_path / "m.db"), tmp_path / "deep" / "memory.html"
    run("remember", "s", "--store", store, stdin=b"Staging listens on port 6543.")
    done = run("inspect", "s", "--out", str(page), "--store", store)
    assert (done.stdout, done.stderr.decode()) == (b"", f"written to {page}\n")
    assert "Staging listens on port 6543." in page.read_text()
    done = run("inspect", "nobody", "--out", str(page), "--store", store)
    assert (done.returncode, b"nobody holds nothing" in done.stderr) == (1, True)
