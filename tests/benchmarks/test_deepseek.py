"""The benchmark of DeepSeek-OCR's structure, on a tiny model."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import deepseek
from benchmarks.deepseek import decode, fastest, random_image, throughput, vision
from optimem.model.deepseek_ocr.config import DEEPSEEK_OCR
from optimem.model.hardware import best_device

TINY = replace(
    DEEPSEEK_OCR,
    vision=replace(
        DEEPSEEK_OCR.vision, width=24, depth=2, heads=2, hidden=16, global_blocks=(1,), neck=8,
        half_width=8, global_width=16, global_depth=1, global_heads=2, global_hidden=16,
        token_dim=32,
    ),
    decoder=replace(
        DEEPSEEK_OCR.decoder, width=32, depth=2, heads=2, dense_hidden=16, experts=4, top_k=2,
        expert_hidden=8, shared_hidden=16,
    ),
    vocabulary=50,
)  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rates_are_printed_beside_the_published_ones(
    dtype: torch.dtype, capsys: pytest.CaptureFixture[str]
) -> None:
    throughput(TINY, best_device(), dtype, batch=2, steps=4, size=128)
    out = capsys.readouterr().out
    rates = [float(rate) for rate in re.findall(r"code: ([\d.]+) ", out)]
    assert len(rates) == 2
    assert min(rates) > 0
    assert "2 decoder layers" in out
    assert "2.3 pages a second" in out
    assert "another machine" in out


def test_vision_tokens_agree_with_transformers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deepseek, "ENCODER_ONLY", replace(TINY, vocabulary=1000))
    monkeypatch.setattr(deepseek, "SIZES", (384,))
    vision(tmp_path)
    out = capsys.readouterr().out
    rows = [line.split("|")[1:-1] for line in out.splitlines() if " px |" in line]
    assert [row[0].strip() for row in rows] == ["fp32", "bf16"]
    assert float(rows[0][2]) < 1e-4
    assert float(rows[1][3]) > 0.99
    assert "3 × 2 tiles" in out


def test_greedy_tokens_are_transformers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deepseek, "reduced", lambda depth: TINY)
    monkeypatch.setattr(deepseek, "PROMPT_IDS", range(20, 40))
    decode(tmp_path, 2, 8)
    out = capsys.readouterr().out
    assert out.count("8 greedy tokens identical: True") == 2
    assert "20 positions" in out


def test_the_fastest_run_counts_and_the_first_does_not() -> None:
    runs = []
    assert fastest(lambda: runs.append(1), 3) >= 0
    assert len(runs) == 4


def test_images_are_repeatable() -> None:
    assert torch.equal(random_image(64, 1), random_image(64, 1))
    assert not torch.equal(random_image(64, 1), random_image(64, 2))
