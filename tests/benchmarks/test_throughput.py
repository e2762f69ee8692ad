"""The benchmark of pages and tokens a second, on a tiny model."""

import re
from dataclasses import replace

import pytest
import torch

from benchmarks.throughput import throughput
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
        expert_hidden=8, shared_hidden=8,
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
