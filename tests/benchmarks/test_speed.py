"""The table of pages a second."""

import re
from pathlib import Path

import pytest

from benchmarks import speed
from benchmarks.speed import compare, compare_weights
from optimem.build import nano_codec
from optimem.store.sqlite import SQLiteStore
from optimem.tiers import Tier


def test_every_tier_is_written_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(speed, "open_tesseract", lambda: lambda ink: ["Boats"])
    store = SQLiteStore(tmp_path / "speed.db")
    compare(["Boats came in. " * 20, "Boats went out. " * 20], nano_codec(), store)
    out = capsys.readouterr().out
    assert store.entries(speed.SCOPE)
    store.close()
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| \d+× \| ([\d.]+) \| \d+× \|$", out, re.M)
    assert [row[0] for row in rows] == [tier.label for tier in reversed(Tier)]
    assert all(float(written) > 0 and float(read) > 0 for _, written, read in rows)
    assert "Tesseract 5: 0.00 s a page, 1.7% of characters right" in out


def test_two_weights_take_turns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = SQLiteStore(tmp_path / "speed.db")
    compare_weights(["Boats came in. " * 20], nano_codec(), nano_codec(), store)
    store.close()
    rows = re.findall(r"^\| (\w+) \| ([\d.]+)× \| ([\d.]+)× \|$", capsys.readouterr().out, re.M)
    assert [row[0] for row in rows] == [tier.label for tier in reversed(Tier)]
    assert all(0.1 < float(share) < 10 for _, *shares in rows for share in shares)
