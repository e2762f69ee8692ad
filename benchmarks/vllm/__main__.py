"""Stored pages on a real vLLM server on this machine, beside our own generation.

    .ci/vllm-env && python -m benchmarks.vllm ids|wire|latency

ids      greedy tokens of the server and our own, fp32, small random checkpoint (a table); an answer
         may end by itself before
wire     bytes of a request at each size, beside the vectors alone (a table)
latency  time to the first token of a page from stored tokens and from pixels; the encoder has its
         full size, the language model two layers (ratios)
"""

import argparse
import base64
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
import torch
from PIL import Image

from benchmarks.vllm.server import (
    SERVABLE,
    WITH_IMAGES,
    NoServerError,
    VllmServer,
    open_checkpoint,
    write_checkpoint,
)
from optimem.model.deepseek_ocr.answers import PageAnswer
from optimem.model.deepseek_ocr.config import DeepSeekConfig
from optimem.model.deepseek_ocr.generation import GenerationSettings
from optimem.model.deepseek_ocr.images import MODES
from optimem.model.deepseek_ocr.prompts import FREE_OCR, ask
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from optimem.model.vllm.reader import VllmReader
from optimem.model.vllm.requests import chat_request, make_prompt
from optimem.model.vllm.vectors import as_sent

TOKENS = 200
ROUNDS = 7
SIZES = ("tiny", "small", "base", "large")


def ids() -> None:
    """Print how many greedy tokens of the server are our own."""
    settings = GenerationSettings(limit=TOKENS)
    with _served(SERVABLE) as (server, here):
        reader = VllmReader.at(server.url)
        print("| mode | pages | packing | same tokens | same without rounding to fp16 |")
        print("|---|---|---|---|---|")
        for mode in SIZES[:3]:
            for count in (1, 3):
                for packing in (Packing.INT8, Packing.INT4):
                    pages = [_stored(here, mode, packing, seed) for seed in range(count)]
                    prompt = FREE_OCR if count == 1 else ask("What changed?", count)
                    theirs = reader.answer_together(pages, prompt, settings)
                    sent = [replace(page, tokens=as_sent(page.tokens).float()) for page in pages]
                    same = [
                        _shared(here.answer_together(each, prompt, settings), theirs)
                        for each in (sent, pages)
                    ]
                    cells = (mode, str(count), packing.value, *same)
                    print("| " + " | ".join(cells) + " |", flush=True)


def wire() -> None:
    """Print what a page takes on the wire."""
    print("| mode | positions | bytes of a request | over vectors in base64 | limit |")
    print("|---|---|---|---|---|")
    for mode in SIZES:
        rows = _rows(mode)
        prompt = make_prompt([torch.randn(rows, 1280)], FREE_OCR)
        body = chat_request(
            prompt, GenerationSettings(), model="deepseek-ocr-0123456789abcdef", room=8192,
            bans=True, salt="0" * 32,
        )  # fmt: skip
        size, vectors = len(json.dumps(body)), rows * 1280 * 2 * 4 / 3
        print(f"| {mode} | {rows} | {size:,} | {size / vectors:.3f} | 1.1 |")


def latency() -> None:
    """Print how long the first token takes, in one run, in turn."""
    with _served(WITH_IMAGES, "--limit-mm-per-prompt", '{"image":1}') as (server, here):
        reader = VllmReader.at(server.url)
        times: dict[str, list[float]] = {}
        for seed in range(ROUNDS + 1):  # the first does not count
            done = _times(server, reader, here, _image(seed))
            for name, seconds in done.items():
                times.setdefault(name, []).extend([seconds] if seed else [])
    base = median(times["pixels, sent first"])
    print("| time to the first token | over pixels that are sent first |")
    print("|---|---|")
    for name, all_seconds in times.items():
        print(f"| {name} | {median(all_seconds) / base:.3f} |")


def _times(
    server: VllmServer, reader: VllmReader, here: DeepSeekReader, image: Image.Image
) -> dict[str, float]:
    """Seconds to the first token about one page, in each way."""
    (page,) = here.encode([image], MODES["base"])
    first = GenerationSettings(limit=1)
    return {
        "stored, asked first": _timed(lambda: reader.answer([page], ask("one?"), first)),
        "stored, asked again": _timed(lambda: reader.answer([page], ask("two?"), first)),
        "pixels, sent first": _timed(lambda: _ask_pixels(server, reader, image, "one?")),
        "pixels, sent again": _timed(lambda: _ask_pixels(server, reader, image, "two?")),
    }


@contextmanager
def _served(config: DeepSeekConfig, *more: str) -> Iterator[tuple[VllmServer, DeepSeekReader]]:
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoint"
        write_checkpoint(checkpoint, config)
        server = VllmServer(checkpoint, *more)
        try:
            yield server, open_checkpoint(checkpoint, config)
        finally:
            server.stop()


def _stored(here: DeepSeekReader, mode: str, packing: Packing, seed: int) -> StoredPage:
    (page,) = here.encode([_image(seed)], MODES[mode])
    return StoredPage.from_bytes(page.to_bytes(packing))


def _image(seed: int) -> Image.Image:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 256, (48, 64, 3), dtype=torch.uint8, generator=generator)
    return Image.fromarray(noise.numpy()).resize((640, 480))


def _rows(mode: str) -> int:
    side = {"tiny": 8, "small": 10, "base": 16, "large": 20}[mode]
    return side * (side + 1) + 1


def _shared(ours: PageAnswer, theirs: PageAnswer) -> str:
    """How many of our tokens the server's answer begins with. The text of each token is another."""
    texts = [piece.text for piece in ours.pieces]
    same = sum(theirs.text.startswith("".join(texts[: at + 1])) for at in range(len(texts)))
    ended = ours.complete and (ours.text, ours.finish) == (theirs.text, theirs.finish)
    return f"{same} of {len(texts)}" + (", and the end" if ended else "")


def _ask_pixels(server: VllmServer, reader: VllmReader, image: Image.Image, text: str) -> Any:
    data = io.BytesIO()
    image.save(data, "PNG")
    url = "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": text}]
    body = {"model": reader.served.name, "max_tokens": 1, "temperature": 0,
            "messages": [{"role": "user", "content": parts}]}  # fmt: skip
    done = httpx2.post(f"{server.url}/v1/chat/completions", json=body, timeout=300)
    if done.is_error:
        raise NoServerError(f"pixels are refused: {done.text}")
    return done.json()


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


PARTS = {part.__name__: part for part in (ids, wire, latency)}

if __name__ == "__main__":
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("part", choices=PARTS)
    PARTS[parser.parse_args().part]()
