"""DeepSeek-OCR at full size on random weights, beside transformers' implementation in one run.

    python -m benchmarks.deepseek PART

prints, for each part:

vision      vision tokens against transformers', and the time to encode a page, both in fp32 and
            bf16, at every size and in tiles (a table)
decode      logits and greedy tokens against transformers', and the time to decode, at full width
            and reduced depth
load        bytes, seconds and memory of loading a full-size checkpoint of 6.7 GB
memory      peak memory of a process that encodes one Large page
throughput  pages and tokens a second, ours alone, beside the published figures

Times differ from machine to machine; only their ratios mean anything.
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
from typing import Any, TypeVar

import torch
from torch import Tensor

from benchmarks.peer import random_model, transformers_model
from optimem.model.deepseek_ocr.checkpoint import load_checkpoint, save_checkpoint
from optimem.model.deepseek_ocr.config import DEEPSEEK_OCR, DeepSeekConfig
from optimem.model.deepseek_ocr.generation import GenerationInput, GenerationSettings, generate
from optimem.model.deepseek_ocr.model import DeepSeekOCR, Views
from optimem.model.hardware import best_device

Result = TypeVar("Result")

IMAGE_ID = 999
SIZES = (512, 640, 1024, 1280)
ACROSS, DOWN = 3, 2  # tiles of 640 px
TIMED = ("640 px", "1024 px")
PROMPT_IDS = range(2000, 2300)
FREE_SPACE = 8 << 30
GIB = 1 << 30
PUBLISHED = (
    "published for an A100-40G: 200,000 pages a day = 2.3 pages a second, read whole "
    "(arXiv 2510.18234, abstract), and 2,500 tokens a second for PDFs, served by vLLM (the "
    "model's repository); another machine, the real weights, and another measure: not "
    "comparable line by line"
)

TINY_DECODER = replace(
    DEEPSEEK_OCR.decoder, depth=1, dense_hidden=64, experts=2, top_k=1, expert_hidden=8
)
ENCODER_ONLY = replace(DEEPSEEK_OCR, decoder=TINY_DECODER, vocabulary=1000)
"""The full encoder; the decoder is there only because a checkpoint has one."""


@torch.inference_mode()
def vision(folder: Path) -> None:
    """Print our vision tokens against transformers', and the time that both take."""
    save_checkpoint(random_model(ENCODER_ONLY), folder)
    _print_distances_to_fp64(folder)
    exact: dict[str, Tensor] = {}
    print("| precision | image | largest difference | cosine to fp32 | time, theirs / ours |")
    print("|---|---|---|---|---|")
    for dtype in (torch.float32, torch.bfloat16):
        our_model = load_checkpoint(folder, config=ENCODER_ONLY, dtype=dtype)
        their_model = transformers_model(folder, ENCODER_ONLY, IMAGE_ID, dtype)
        for name, page in _pages().items():
            page = page.to(dtype)
            ours = partial(our_model.encode, [page])
            theirs = partial(_their_tokens_of, their_model, page)
            tokens = ours()[0].float()
            difference = (tokens - theirs().float()).abs().max().item()
            cosine = torch.cosine_similarity(tokens, exact.setdefault(name, tokens), dim=-1).min()
            ratio = f"{fastest(theirs) / fastest(ours):.2f}" if name in TIMED else "–"
            row = f"| {_label(dtype)} | {name} | {difference:.1e} | {cosine:.5f} | {ratio} |"
            print(row, flush=True)


def _print_distances_to_fp64(folder: Path) -> None:
    """Both implementations against fp64: they cannot agree more closely than this."""
    page = Views(random_image(SIZES[0]))
    exact = load_checkpoint(folder, config=ENCODER_ONLY, dtype=torch.float64).encode([page])[0]
    our_tokens = load_checkpoint(folder, config=ENCODER_ONLY).encode([page])[0]
    their_tokens = _their_tokens_of(transformers_model(folder, ENCODER_ONLY, IMAGE_ID), page)
    ours, theirs = ((each - exact).abs().max().item() for each in (our_tokens, their_tokens))
    print(f"{SIZES[0]} px, tokens of standard deviation {exact.std():.1f}; fp32 against fp64, "
          f"largest difference: ours {ours:.1e}, theirs {theirs:.1e}\n", flush=True)  # fmt: skip


def _pages() -> dict[str, Views]:
    """One page of each size, and one in tiles with its overview."""
    single = {f"{size} px": Views(random_image(size)) for size in SIZES}
    tiles = torch.stack([random_image(640, seed) for seed in range(ACROSS * DOWN)])
    return single | {f"{ACROSS} × {DOWN} tiles": Views(random_image(1024), tiles, ACROSS)}


def _their_tokens_of(model: Any, page: Views) -> Tensor:
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
    """Print our logits and greedy tokens against transformers', and the time that both take."""
    config = reduced(depth)
    save_checkpoint(random_model(config), folder)
    our_model = load_checkpoint(folder, config=config)
    their_model = transformers_model(folder, config, IMAGE_ID)
    ids = torch.tensor([PROMPT_IDS])
    ours, theirs = our_model(our_model.embed_tokens(ids)), their_model(input_ids=ids).logits
    print(f"{depth} layers, fp32, {len(PROMPT_IDS)} positions; logits of standard deviation "
          f"{theirs.std():.2f}")  # fmt: skip
    print(f"largest difference of logits: {(ours - theirs).abs().max():.1e}")
    for batch in (1, 8):
        our_run = partial(_our_tokens, our_model, ids, batch)
        their_run = partial(_their_tokens, their_model, ids, batch)
        _, first_step = timed(partial(our_run, 1))
        their_run(1)  # a run that does not count
        found, our_time = timed(partial(our_run, steps))
        expected, their_time = timed(partial(their_run, steps))
        same = all(a == b[: len(a)] for a, b in zip(found, expected, strict=True))
        print(f"batch {batch}: {steps} greedy tokens identical: {same}; time, theirs / ours: "
              f"{their_time / our_time:.2f}", flush=True)  # fmt: skip
        if batch == 1:
            step = (our_time - first_step) / (steps - 1)
            print(f"a step takes {step / _least_step(our_model):.2f} times as long as adding up "
                  "the weights it uses")  # fmt: skip


def _our_tokens(model: DeepSeekOCR, ids: Tensor, batch: int, steps: int) -> list[list[int]]:
    prompts = [GenerationInput(ids[0].tolist(), model.embed_tokens(ids[0]))] * batch
    rows: list[list[int]] = [[] for _ in prompts]
    for token in generate(model, prompts, GenerationSettings(limit=steps, no_repeat=None)):
        rows[token.row].append(token.id)
    return rows


def _their_tokens(model: Any, ids: Tensor, batch: int, steps: int) -> list[list[int]]:
    options = {"max_new_tokens": steps, "eos_token_id": 1, "pad_token_id": 1}
    answers = model.generate(input_ids=ids.expand(batch, -1), do_sample=False, **options)
    rows: list[list[int]] = answers[:, ids.shape[1] :].tolist()
    return rows


def _least_step(model: DeepSeekOCR) -> float:
    """Seconds to read the weights that one position uses, at the rate at which the largest of
    them can be summed."""
    config, head = model.config.decoder, model.lm_head.weight
    used = head.nbytes
    for name, parameter in model.decoder.named_parameters():
        share = config.top_k / config.experts if ".experts." in name else 1
        used += int(parameter.nbytes * share)
    return fastest(head.sum) * used / head.nbytes


def load(folder: Path) -> None:
    """Print the time and the memory that loading a full-size checkpoint takes."""
    if shutil.disk_usage(folder).free < FREE_SPACE:
        print(f"skipped: {folder} has less than {FREE_SPACE / GIB:.0f} GiB free")
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
    """Print the peak memory of this process after encoding a Large page."""
    model = random_model(ENCODER_ONLY, dtype=dtype)
    with torch.inference_mode():
        model.encode([Views(random_image(1280))])
    print(f"{_label(dtype)}: encoding a Large page peaked at {peak() / GIB:.2f} GiB")


@torch.inference_mode()
def throughput(
    config: DeepSeekConfig,
    device: torch.device,
    dtype: torch.dtype,
    batch: int,
    steps: int,
    size: int = 1024,
) -> None:
    """Print pages and tokens a second for `batch` pages of `size` px, and answers of `steps`
    tokens to each, beside the published figures."""
    model = random_model(config, dtype=dtype).to(device)
    pages = [Views(torch.rand(size, size, 3, device=device) * 2 - 1)] * batch
    encode = partial(model.encode, pages)
    prompts = [_page_prompt(model, tokens) for tokens in encode()]  # a run that does not count
    _wait(device)
    _, encoding = timed(encode, device)
    answer = partial(_answers, model, prompts, GenerationSettings(limit=steps, no_repeat=None))
    answer()
    _wait(device)
    tokens, decoding = timed(answer, device)
    layers = config.decoder.depth
    print(f"{device}, {dtype}, {layers} decoder layers, random weights, batch {batch}")
    print(f"encode: {batch / encoding:.2f} pages of {size} px a second")
    print(f"decode: {tokens / decoding:.1f} tokens a second, prompts included")
    print(PUBLISHED)


def _answers(
    model: DeepSeekOCR, prompts: list[GenerationInput], settings: GenerationSettings
) -> int:
    """Tokens generated."""
    return sum(1 for _ in generate(model, prompts, settings))


def _page_prompt(model: DeepSeekOCR, tokens: Tensor) -> GenerationInput:
    """A page's tokens between two words."""
    ids = [0, *[1] * len(tokens), 2]
    words = model.embed_tokens(torch.tensor([0, 2], device=tokens.device))
    return GenerationInput(ids, torch.cat((words[:1], tokens, words[1:])))


def reduced(depth: int) -> DeepSeekConfig:
    """The full width and vocabulary with `depth` decoder layers, and a small encoder."""
    vision = replace(
        DEEPSEEK_OCR.vision, depth=1, global_blocks=(), global_depth=1, hidden=64, global_hidden=64
    )
    return replace(DEEPSEEK_OCR, vision=vision, decoder=replace(DEEPSEEK_OCR.decoder, depth=depth))


def random_image(size: int, seed: int = 0) -> Tensor:
    """A random image (size, size, 3), values −1 to 1."""
    random = torch.Generator().manual_seed(size + seed)
    return torch.rand(size, size, 3, generator=random) * 2 - 1


def timed(work: Callable[[], Result], device: torch.device | None = None) -> tuple[Result, float]:
    """The result of one run, and its seconds."""
    started = time.perf_counter()
    result = work()
    if device is not None:
        _wait(device)
    return result, time.perf_counter() - started


def fastest(work: Callable[[], object], runs: int = 2) -> float:
    """Seconds of the fastest of some runs, after one that does not count."""
    work()
    return min(timed(work)[1] for _ in range(runs))


def peak() -> int:
    """The most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _wait(device: torch.device) -> None:
    """Until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _label(dtype: torch.dtype) -> str:
    return "bf16" if dtype is torch.bfloat16 else "fp32"


def main() -> None:
    """Measure one part and print it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.deepseek",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", choices=["vision", "decode", "load", "memory", "throughput"])
    parser.add_argument("--depth", type=int, default=3, help="decoder layers (%(default)s)")
    parser.add_argument("--steps", type=int, default=64, help="tokens of an answer (%(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="of `throughput` (%(default)s)")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    args = parser.parse_args()
    dtype: torch.dtype = getattr(torch, args.dtype)
    full = replace(DEEPSEEK_OCR, decoder=replace(DEEPSEEK_OCR.decoder, depth=args.depth))
    with tempfile.TemporaryDirectory() as folder:
        parts: dict[str, Callable[[], None]] = {
            "vision": partial(vision, Path(folder)),
            "decode": partial(decode, Path(folder), args.depth, args.steps),
            "load": partial(load, Path(folder)),
            "memory": partial(memory, dtype),
            "throughput": partial(throughput, full, best_device(), dtype, args.batch, args.steps),
        }
        parts[args.part]()


if __name__ == "__main__":
    main()
