"""The benchmark of long scopes, at its smallest."""

from pathlib import Path

import pytest

from benchmarks.recall_scale import main


def test_it_prints_every_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--turns", "1200", "--queries", "2", "--keep", str(tmp_path / "kept.db")])
    printed = capsys.readouterr().out
    for measure in ("written in", "warm recall", "after an append", "of a process", "memory"):
        assert measure in printed
    assert "bytes a byte of text" in printed
