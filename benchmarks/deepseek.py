"""DeepSeek-OCR at full size on random weights, beside transformers' implementation in the same
run: `python -m benchmarks.deepseek vision|decode|load|memory|throughput`.

`vision`: vision tokens and time to encode a page, at every size and tiled. `decode`: logits,
and tokens a second, at full width and reduced depth. `load`: a full-size checkpoint of 6.7 GB,
written and loaded. `memory`: the peak of a process that encodes one Large page. `throughput`:
pages and tokens a second, ours alone. Timings mean something only as ratios.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.peer import random_model, transformers_model
from benchmarks.throughput import throughput
from optimem.model.deepseek_ocr.checkpoint import load_checkpoint, save_checkpoint
from optimem.model.deepseek_ocr.config import DEEPSEEK_OCR, DecoderConfig, DeepSeekConfig
from optimem.model.deepseek_ocr.generation import Prompt, Settings, generate
from optimem.model.deepseek_ocr.model import DeepSeekOCR, Views
from optimem.model.hardware import best_device

IMAGE_ID = 999
SIZES = (512, 640, 1024, 1280)
ACROSS, DOWN = 3, 2  # tiles of 640 px of the Gundam page
TIMED = ("640 px", "1024 px")
ROOM = 8 << 30
GIB = 1 << 30

TINY_DECODER = replace(
    DEEPSEEK_OCR.decoder, depth=1, dense_hidden=64, experts=2, top_k=1, expert_hidden=8
)
ENCODER_ONLY = replace(DEEPSEEK_OCR, decoder=TINY_DECODER, vocabulary=1000)
"""The full encoder; a decoder only because a checkpoint has one."""


def reduced(depth: int) -> DeepSeekConfig:
    """The full width and vocabulary with fewer decoder layers, and a small encoder."""
    vision = replace(
        DEEPSEEK_OCR.vision, depth=1, global_blocks=(), global_depth=1, hidden=64, global_hidden=64
    )
    decoder: DecoderConfig = replace(DEEPSEEK_OCR.decoder, depth=depth)
    return replace(DEEPSEEK_OCR, vision=vision, decoder=decoder)


def image(size: int, seed: int = 0) -> Tensor:
    """A random image (size, size, 3), values −1 to 1."""
    random = torch.Generator().manual_seed(size + seed)
    return torch.rand(size, size, 3, generator=random) * 2 - 1


def seconds(work: Callable[[], object], times: int = 2) -> float:
    """The faster of some runs, after one that does not count."""
    work()
    found = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


@torch.inference_mode()
def vision(folder: Path) -> None:
    """Vision tokens against transformers', and the time they take."""
    save_checkpoint(random_model(ENCODER_ONLY), folder)
    _against_double(folder)
    exact: dict[str, Tensor] = {}
    print("| precision | image | largest difference | cosine to fp32 | time, theirs / ours |")
    print("|---|---|---|---|---|")
    for dtype in (torch.float32, torch.bfloat16):
        ours = load_checkpoint(folder, config=ENCODER_ONLY, dtype=dtype)
        other = transformers_model(folder, ENCODER_ONLY, IMAGE_ID, dtype)
        for name, page in images().items():
            page = page.to(dtype)
            mine = partial(ours.encode, [page])
            their = partial(_their_vision, other, page)
            tokens = mine()[0].float()
            difference = (tokens - their().float()).abs().max().item()
            cosine = torch.cosine_similarity(tokens, exact.setdefault(name, tokens), dim=-1).min()
            gain = f"{seconds(their) / seconds(mine):.2f}" if name in TIMED else "–"
            print(
                f"| {_name(dtype)} | {name} | {difference:.1e} | {cosine:.5f} | {gain} |",
                flush=True,
            )


def _against_double(folder: Path) -> None:
    """How far both are from the same in fp64: no two can be nearer to one another for certain."""
    page = Views(image(SIZES[0]))
    double = load_checkpoint(folder, config=ENCODER_ONLY, dtype=torch.float64)
    exact = double.encode([page])[0]
    mine = load_checkpoint(folder, config=ENCODER_ONLY).encode([page])[0]
    their = _their_vision(transformers_model(folder, ENCODER_ONLY, IMAGE_ID), page)
    ours, theirs = ((tokens - exact).abs().max().item() for tokens in (mine, their))
    print(f"{SIZES[0]} px, tokens of standard deviation {exact.std():.1f}; fp32 against fp64, "
          f"largest difference: ours {ours:.1e}, theirs {theirs:.1e}\n", flush=True)  # fmt: skip


def images() -> dict[str, Views]:
    """One page of each size, and one in tiles with its overview."""
    single = {f"{size} px": Views(image(size)) for size in SIZES}
    tiles = torch.stack([image(640, seed) for seed in range(ACROSS * DOWN)])
    return single | {f"{ACROSS} × {DOWN} tiles": Views(image(1024), tiles, ACROSS)}


def _their_vision(model: Any, page: Views) -> Tensor:
    """transformers' vision tokens of a page, (positions, C)."""
    overview = page.overview.permute(2, 0, 1)[None].contiguous()
    tiled: dict[str, Any] = {}
    if page.tiles is not None:
        count = len(page.tiles)
        tiled = {
            "pixel_values_local": page.tiles.permute(0, 3, 1, 2).contiguous(),
            "num_local_patches": [count],
            "patches_grid": [[page.across, count // page.across]],
        }
    tokens: Tensor = model.model.get_image_features(overview, **tiled).pooler_output[0]
    return tokens


@torch.inference_mode()
def decode(folder: Path, depth: int, steps: int) -> None:
    """Logits against transformers', and tokens a second."""
    config = reduced(depth)
    save_checkpoint(random_model(config), folder)
    ours = load_checkpoint(folder, config=config)
    other = transformers_model(folder, config, IMAGE_ID)
    ids = torch.arange(2000, 2300)[None]
    mine, their = ours(ours.embed_tokens(ids)), other(input_ids=ids).logits
    print(f"{depth} layers, fp32, 300 positions; logits of standard deviation {their.std():.2f}")
    print(f"largest difference of logits: {(mine - their).abs().max():.1e}")
    for batch in (1, 8):
        our_part = partial(_our_tokens, ours, ids, batch)
        their_part = partial(_their_tokens, other, ids, batch)
        our_first, _ = timed(our_part, 1)[1], timed(their_part, 1)
        said, our_time = timed(our_part, steps)
        expected, their_time = timed(their_part, steps)
        same = all(a == b[: len(a)] for a, b in zip(said, expected, strict=True))
        print(f"batch {batch}: {steps} greedy tokens identical: {same}; time, theirs / ours: "
              f"{their_time / our_time:.2f}", flush=True)  # fmt: skip
        if batch == 1:
            used = (our_time - our_first) / (steps - 1) / _reading(ours)
            print(f"a step takes {used:.2f} times as long as adding up the weights it uses")


def timed(work: Callable[[int], list[list[int]]], steps: int) -> tuple[list[list[int]], float]:
    """What one run says in so many steps, and its seconds."""
    started = time.perf_counter()
    said = work(steps)
    return said, time.perf_counter() - started


def _reading(model: DeepSeekOCR) -> float:
    """Seconds for which the memory is busy with the weights that one position uses, at the
    rate at which the sum of the largest of them is taken."""
    config, head = model.config.decoder, model.lm_head.weight
    used = head.nbytes
    for name, parameter in model.decoder.named_parameters():
        share = config.top_k / config.experts if ".experts." in name else 1
        used += int(parameter.nbytes * share)
    return seconds(head.sum) * used / head.nbytes


def _our_tokens(model: DeepSeekOCR, ids: Tensor, batch: int, steps: int) -> list[list[int]]:
    prompts = [Prompt(ids[0].tolist(), model.embed_tokens(ids[0]))] * batch
    said: list[list[int]] = [[] for _ in prompts]
    for token in generate(model, prompts, Settings(limit=steps, no_repeat=None)):
        said[token.row].append(token.id)
    return said


def _their_tokens(model: Any, ids: Tensor, batch: int, steps: int) -> list[list[int]]:
    many = ids.expand(batch, -1)
    options = {"max_new_tokens": steps, "eos_token_id": 1, "pad_token_id": 1}
    said = model.generate(input_ids=many, do_sample=False, **options)[:, ids.shape[1] :]
    rows: list[list[int]] = said.tolist()
    return rows


def load(folder: Path) -> None:
    """A full-size checkpoint: the time and the memory that loading takes."""
    if shutil.disk_usage(folder).free < ROOM:
        print(f"skipped: {folder} has less than {ROOM / GIB:.0f} GiB free")
        return
    save_checkpoint(random_model(DEEPSEEK_OCR, dtype=torch.bfloat16), folder)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    print(f"checkpoint: {size:,} bytes")
    code = (
        "import sys, time; from pathlib import Path\n"
        "from optimem.model.deepseek_ocr.checkpoint import load_checkpoint\n"
        "from benchmarks.deepseek import peak\n"
        "before = peak(); started = time.perf_counter()\n"
        "model = load_checkpoint(Path(sys.argv[1]))\n"
        "took = time.perf_counter() - started\n"
        "parameters = sum(p.numel() for p in model.parameters())\n"
        "grown = (peak() - before) / 2**30\n"
        "print(f'{parameters:,} parameters in {took:.1f} s; memory grew by {grown:.2f} GiB')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)


def memory(dtype: torch.dtype) -> None:
    """The peak memory of this process after encoding a Large page."""
    model = random_model(ENCODER_ONLY, dtype=dtype)
    with torch.inference_mode():
        model.encode([Views(image(1280))])
    print(f"{_name(dtype)}: encoding a Large page peaked at {peak() / GIB:.2f} GiB")


def peak() -> int:
    """The most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _name(dtype: torch.dtype) -> str:
    return "bf16" if dtype is torch.bfloat16 else "fp32"


def main() -> None:
    """Measure one part and print it."""
    parser = argparse.ArgumentParser(prog="benchmarks.deepseek", description=__doc__)
    parser.add_argument("part", choices=["vision", "decode", "load", "memory", "throughput"])
    parser.add_argument("--depth", type=int, default=3, help="decoder layers")
    parser.add_argument("--steps", type=int, default=64, help="tokens of an answer")
    parser.add_argument("--batch", type=int, default=8, help="pages and answers of `throughput`")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    args = parser.parse_args()
    if args.part == "throughput":
        config = replace(DEEPSEEK_OCR, decoder=replace(DEEPSEEK_OCR.decoder, depth=args.depth))
        throughput(config, best_device(), getattr(torch, args.dtype), args.batch, args.steps)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.part == "vision":
            vision(folder)
        elif args.part == "decode":
            decode(folder, args.depth, args.steps)
        elif args.part == "load":
            load(folder)
        else:
            memory(getattr(torch, args.dtype))


if __name__ == "__main__":
    main()
