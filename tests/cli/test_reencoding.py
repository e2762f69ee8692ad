"""`optimem reencode` on a store and a file of other weights."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from optimem import OpticalMemory, compress
from optimem.build import old_codec
from optimem.cli import cli
from optimem.tiers import Tier
from tests.cli.command import run_process as run

TEXT = "Ann says that the port of staging is 6543. " * 8


def run_here(*arguments: str) -> Result:
    """The command in this process, so that the weights are loaded once."""
    return CliRunner().invoke(cli, arguments)


def test_a_store_and_a_file_are_written_anew(tmp_path: Path, other_weights: Path) -> None:
    store, file, codec = str(tmp_path / "m.db"), str(tmp_path / "n.omem"), old_codec(other_weights)
    with OpticalMemory.open(store, codec=codec) as memory:
        memory.append("work/ann/monday", TEXT)
        memory.flush("work/ann/monday")
    compress(TEXT, Tier.SMALL, codec).file.save(file)
    done = run_here("reencode", "--store", store, "--json")
    report, wrote = json.loads(done.stdout), {codec.encoder.fingerprint: 1}
    assert (done.exit_code, report["encoders"], report["pages"]) == (1, wrote, 0)
    given = ("--from-weights", str(other_weights))
    done = run_here("reencode", "work/ann/monday", "--store", store, *given, "--dry-run")
    assert (done.exit_code, "1 pages would be written anew" in done.stdout) == (0, True)
    done = run_here("reencode", "work/ann/monday", "--store", store, *given)
    assert (done.exit_code, "1 pages written anew" in done.stdout) == (0, True)
    done = run_here("reencode", file, *given)
    assert (done.exit_code, "1 pages written anew" in done.stdout) == (0, True)
    assert run_here("read", file).stdout == TEXT
    assert "exact" in run_here("reconstruct", "work/ann/monday", "--store", store).stdout


def test_wrong_usage_is_named(tmp_path: Path) -> None:
    both = ("--from-weights", "w.zst", "--from-model", "x/y")
    assert "not both" in run_here("reencode", *both).stderr
    missing = str(tmp_path / "missing.zst")
    done = run("reencode", "--from-weights", missing)
    assert (done.returncode, f"{missing} is not a file".encode() in done.stderr) == (1, True)
    (tmp_path / "n.omem").write_bytes(b"no file of ours")
    done = run("reencode", str(tmp_path / "n.omem"))
    assert (done.returncode, b"n.omem" in done.stderr) == (1, True)
