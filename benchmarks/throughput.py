"""What DeepSeek-OCR's structure does in a second on the device at hand, on random weights:
pages encoded at a batch, tokens decoded at a batch. `python -m benchmarks.deepseek
throughput --batch 8 --depth 12 --dtype bfloat16`.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import torch

from benchmarks.peer import random_model
from optimem.model.deepseek_ocr.config import DeepSeekConfig
from optimem.model.deepseek_ocr.generation import Prompt, Settings, generate
from optimem.model.deepseek_ocr.model import DeepSeekOCR, Views

Made = TypeVar("Made")
PAGE = 1024
PUBLISHED = (
    "published for an A100-40G: 200,000 pages a day = 2.3 pages a second, read whole "
    "(arXiv 2510.18234, abstract), and 2,500 tokens a second for PDFs, served by vLLM (the "
    "model's repository); another machine, the real weights, and another measure: not "
    "comparable line by line"
)


@torch.inference_mode()
def throughput(
    config: DeepSeekConfig,
    device: torch.device,
    dtype: torch.dtype,
    batch: int,
    steps: int,
    size: int = PAGE,
) -> None:
    """Print pages and tokens a second for `batch` pages of `size` px, and answers of `steps`
    tokens to each, beside the published figures."""
    model = random_model(config, dtype=dtype).to(device)
    pages = [Views(torch.rand(size, size, 3, device=device) * 2 - 1)] * batch
    seen, encoding = timed(lambda: model.encode(pages), device)
    prompts = [_prompt(model, tokens) for tokens in seen]
    settings = Settings(limit=steps, no_repeat=None)
    said, decoding = timed(lambda: list(generate(model, prompts, settings)), device)
    layers = config.decoder.depth
    print(f"{device}, {dtype}, {layers} decoder layers, random weights, batch {batch}")
    print(f"encode: {batch / encoding:.2f} pages of {size} px a second")
    print(f"decode: {len(said) / decoding:.1f} tokens a second, prompts included")
    print(PUBLISHED)


def timed(work: Callable[[], Made], device: torch.device) -> tuple[Made, float]:
    """What one run makes and its seconds, after one that does not count."""
    work()
    _wait(device)
    started = time.perf_counter()
    made = work()
    _wait(device)
    return made, time.perf_counter() - started


def _wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _prompt(model: DeepSeekOCR, tokens: torch.Tensor) -> Prompt:
    ids = [0, *[1] * len(tokens), 2]
    words = model.embed_tokens(torch.tensor([0, 2], device=tokens.device))
    return Prompt(ids, torch.cat((words[:1], tokens, words[1:])))
