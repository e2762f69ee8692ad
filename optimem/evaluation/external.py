"""Programs of others to compare with, set up as well as we can: Tesseract, RapidOCR, LLMLingua-2.

The OCR readers get dark letters on white, enlarged so that a small tier's letters are not lost on
a reader made for scans, and return lines in reading order. LLMLingua-2 runs with the user's
checkpoint or the released one, which it downloads. Knows nothing of cells or scores.
"""

import os
import shutil
import subprocess
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimem.errors import BaselineError, MissingExtraError
from optimem.evaluation.tokenizers import Tokenizer, count_tokens, first_tokens
from optimem.renderers.images import enlarge, save_page

Ink = NDArray[np.uint8]
"""(S, S) a page's image; 0 is free of ink."""
OcrReader = Callable[[Ink], list[str]]
"""Reads an image as lines, from top to bottom."""
TextCompressor = Callable[[str, int, Tokenizer], str]
"""Shortens a text to a number of tokens."""

SIDE = 1280
"""Least pixels a side of an enlarged image. Twice that is what Tesseract reads best at Base and
Small, and a Large page gains next to nothing by it. RapidOCR, which enlarges each line itself,
needs it to find the lines of a Small page, and reads repeated pixels better than smooth ones."""
ONE_THREAD = {"OMP_THREAD_LIMIT": "1"}  # Tesseract's threads wait for each other in a busy loop

LLMLINGUA2 = "microsoft/llmlingua-2-bert-base-multilingual-cased-meetingbank"
FAMILIES = ("bert-base-multilingual-cased", "xlm-roberta-large")
"""From which of these the checkpoint's name holds, llmlingua 0.2.2 infers what begins a word."""
LOWEST_RATE = 2  # per cent; llmlingua 0.2.2 keeps nothing at 1
RATE_RANGE = 4  # per cent either side of the wanted share, in which the best rate is searched


def open_tesseract() -> OcrReader:
    """Tesseract with its default language. Raises MissingExtraError if it is not installed; the
    reader raises BaselineError if it fails."""
    program = shutil.which("tesseract")
    if program is None:
        raise MissingExtraError("tesseract is not installed; apt-get install tesseract-ocr")

    def read(ink: Ink) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.png"
            save_page(enlarge(ink, enlargement(ink)), path)
            command = [program, str(path), "-", "--psm", "6"]  # 6: one block of text
            environment = os.environ | ONE_THREAD
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise BaselineError(
                f"tesseract failed: {done.stderr.strip()}; it needs its English data "
                "(apt-get install tesseract-ocr-eng)"
            )
        return [line for line in done.stdout.splitlines() if line]

    return read


def open_rapidocr() -> OcrReader:
    """RapidOCR with the models in its wheel. Raises MissingExtraError if it is not installed."""
    try:
        module = import_module("rapidocr")
        import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtraError(
            f"{error.name} is not installed; pip install 'optimem[rapidocr]'"
        ) from error
    engine: Any = module.RapidOCR(params={
        "Global.log_level": "error",
        "Global.use_cls": False,  # no page is upside down
        "Global.text_score": 0.0,  # half of a line is better than none of it
        "Global.max_side_len": 2 * SIDE,  # its default of 2,000 would shrink Base again
    })  # fmt: skip

    def read(ink: Ink) -> list[str]:
        times = enlargement(ink)
        paper = 255 - np.kron(ink, np.ones((times, times), np.uint8))
        found = engine(np.stack([paper] * 3, axis=-1))
        return reading_order(found.boxes, found.txts) if found.txts else []

    return read


def enlargement(ink: Ink) -> int:
    """The least factor that makes an image `SIDE` pixels wide."""
    return -(-SIDE // len(ink))


def reading_order(boxes: NDArray[np.float32], texts: Sequence[str]) -> list[str]:
    """Texts as rows from top to bottom, each from left to right. `boxes`: (N, 4, 2) corners.
    A text belongs to the row above if their middles are less than half the median height apart;
    RapidOCR's own limit of 10 pixels is more than a line of a small tier."""
    top, bottom = boxes[:, :, 1].min(1), boxes[:, :, 1].max(1)
    order = np.argsort(top + bottom)
    middle = (top + bottom)[order] / 2
    row = np.cumsum(np.diff(middle, prepend=middle[0]) > np.median(bottom - top) / 2)
    rows: dict[int, list[tuple[float, str]]] = {}
    for at, index in zip(row.tolist(), order.tolist(), strict=True):
        rows.setdefault(at, []).append((float(boxes[index, :, 0].min()), texts[index]))
    return [" ".join(text for _, text in sorted(pieces)) for pieces in rows.values()]


def open_llmlingua2(checkpoint: str = "") -> TextCompressor:
    """LLMLingua-2. `checkpoint`: a folder or hub name; default the released multilingual BERT.
    Raises MissingExtraError if llmlingua is not installed and BaselineError for a checkpoint that
    cannot be used."""
    name = checkpoint or LLMLINGUA2
    if not any(family in name for family in FAMILIES):
        raise BaselineError(
            f"LLMLingua-2 infers the model from its name, and {name!r} holds none that it knows; "
            f"rename the folder so that it holds {' or '.join(FAMILIES)}"
        )
    engine = _load_llmlingua2(name)

    def compress(text: str, room: int, tokenizer: Tokenizer) -> str:
        @cache
        def compress_at(rate: int) -> str:
            return str(engine.compress_prompt(text, rate=rate / 100)["compressed_prompt"])

        return _fill(compress_at, text, room, tokenizer)

    return compress


def _load_llmlingua2(name: str) -> Any:
    try:
        module = import_module("llmlingua")
    except ImportError as error:
        raise MissingExtraError(
            "llmlingua is not installed; pip install 'optimem[llmlingua]'"
        ) from error
    try:
        return module.PromptCompressor(
            name, device_map="cpu", model_config={"trust_remote_code": False}, use_llmlingua2=True
        )
    except (OSError, ValueError, KeyError, TypeError) as error:  # from three libraries, or the net
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BaselineError(
            f"cannot load LLMLingua-2 from {name!r}: {reason}. Without a network, give a "
            "checkpoint's folder (--baseline llmlingua2=FOLDER), and for the tokenizer that it "
            "counts with set TIKTOKEN_CACHE_DIR to a folder where tiktoken has cached cl100k_base"
        ) from error


def _fill(compress_at: Callable[[int], str], text: str, room: int, tokenizer: Tokenizer) -> str:
    """The text at the lowest rate, in per cent, that fills `room` tokens, cut off there. Asked for
    a `target_token`, LLMLingua-2 rounds to whole per cents: at 40× it may keep half of it."""
    share = 100 * room // max(count_tokens(text, tokenizer), 1)
    lowest = max(share - RATE_RANGE, LOWEST_RATE)
    rates = range(lowest, max(min(share + RATE_RANGE, 100), LOWEST_RATE) + 1)
    at = bisect_left(rates, room, key=lambda rate: count_tokens(compress_at(rate), tokenizer))
    return first_tokens(compress_at(rates[min(at, len(rates) - 1)]), room, tokenizer)
