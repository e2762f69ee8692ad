"""The curve of a run."""

import json
from pathlib import Path

import pytest

from optimem.training.plot import curves, plot


def test_the_curve_reads_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    held_out = {"small": {"prose": [0.99, 8.0], "noise": [0.5, 9.0]}}
    log.write_text(json.dumps({"step": 10}) + "\n" + json.dumps({"step": 20, "held_out": held_out}))
    wrong, bits = curves(log)
    assert wrong["small"] == [(20, pytest.approx(0.01))]
    assert bits["small"] == [(20, 8.0)]


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    log, out = tmp_path / "log.jsonl", tmp_path / "curve.png"
    lines = [
        {"step": step, "held_out": {"small": {"prose": [right, 8.0]}}}
        for step, right in ((20, 0.9), (40, 0.99))
    ]
    log.write_text("\n".join(map(json.dumps, lines)))
    plot(log, out)
    assert out.read_bytes().startswith(b"\x89PNG")
