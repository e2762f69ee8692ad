"""Other readers of a page's image: Tesseract and RapidOCR, as good as we can make them.

Both are given dark letters on white, enlarged so that a small tier's letters are not lost on a
reader made for scans, and their lines in reading order. Knows nothing of cells, tokens or scores.

LLMLingua-2: what it keeps of a text when asked for a number of tokens.

Drives `llmlingua.PromptCompressor` with the user's checkpoint or the released one, which it
downloads. Knows nothing of pages.
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
from optimem.evaluation.tokenizers import Counter, first_tokens
from optimem.renderers.images import enlarge, save_page

Ink = NDArray[np.uint8]
"""(S, S) a page's image, 0 is ink-free."""
OcrReader = Callable[[Ink], list[str]]
"""An image to the lines read on it, from top to bottom."""

SIDE = 1280
"""Pixels a side that an image is enlarged to at least. Twice is what Tesseract reads best at Base
and Small, and a Large page gains next to nothing by it. RapidOCR, which enlarges each line
itself, needs it to find the lines of a Small page, and reads repeated pixels better than smooth
ones there."""
THREADS = {"OMP_THREAD_LIMIT": "1"}  # Tesseract's threads wait for each other in a busy loop


def open_tesseract() -> OcrReader:
    """Tesseract with its default language. Raises MissingExtraError if it is not installed; the
    reader raises BaselineError when it fails."""
    program = shutil.which("tesseract")
    if program is None:
        raise MissingExtraError("tesseract is not installed; apt-get install tesseract-ocr")

    def read(ink: Ink) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.png"
            save_page(enlarge(ink, times(ink)), path)
            command = [program, str(path), "-", "--psm", "6"]  # 6: one block of text
            done = subprocess.run(command, capture_output=True, text=True, env=os.environ | THREADS)
        if done.returncode:
            raise BaselineError(
                f"tesseract failed: {done.stderr.strip()}; it needs its English data "
                "(apt-get install tesseract-ocr-eng)"
            )
        return [line for line in done.stdout.splitlines() if line]

    return read


def open_rapidocr() -> OcrReader:
    """RapidOCR with the models that its wheel holds. Raises MissingExtraError if it is not
    installed."""
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
        "Global.max_side_len": 2 * SIDE,  # its own 2,000 would shrink Base again
    })  # fmt: skip

    def read(ink: Ink) -> list[str]:
        dark = 255 - np.kron(ink, np.ones((times(ink),) * 2, np.uint8))
        found = engine(np.stack([dark] * 3, axis=-1))
        return rows(found.boxes, found.txts) if found.txts else []

    return read


def rows(boxes: NDArray[np.float32], texts: Sequence[str]) -> list[str]:
    """Texts in rows from top to bottom, within a row from left to right. `boxes`: (N, 4, 2)
    corners. A text belongs to the row above if their middles are less than half a usual text's
    height apart; RapidOCR's own 10 pixels are more than a line of a small tier."""
    top, bottom = boxes[:, :, 1].min(1), boxes[:, :, 1].max(1)
    order = np.argsort(top + bottom)
    middle = (top + bottom)[order] / 2
    row = np.cumsum(np.diff(middle, prepend=middle[0]) > np.median(bottom - top) / 2)
    told: dict[int, list[tuple[float, str]]] = {}
    for at, index in zip(row.tolist(), order.tolist(), strict=True):
        told.setdefault(at, []).append((float(boxes[index, :, 0].min()), texts[index]))
    return [" ".join(text for _, text in sorted(pieces)) for pieces in told.values()]


def times(ink: Ink) -> int:
    """How often the side of an image is taken, so that it comes to `SIDE`."""
    return -(-SIDE // len(ink))


RELEASED = "microsoft/llmlingua-2-bert-base-multilingual-cased-meetingbank"
FAMILIES = ("bert-base-multilingual-cased", "xlm-roberta-large")
"""How llmlingua 0.2.2 tells, by the checkpoint's name, which marks begin a word."""
FEWEST = 2  # per cent; llmlingua 0.2.2 keeps nothing at 1
AROUND = 4  # per cent to either side of the share wanted, in which the best is looked for

Compressor = Callable[[str, int, Counter], str]
"""A text, and how many tokens of a counter to keep of it, to what is kept."""


def open_llmlingua2(checkpoint: str = "") -> Compressor:
    """LLMLingua-2. `checkpoint`: a folder or a name on the hub, default the released
    multilingual BERT. Raises MissingExtraError if llmlingua is not installed and BaselineError if
    the checkpoint cannot be used."""
    name = checkpoint or RELEASED
    if not any(family in name for family in FAMILIES):
        raise BaselineError(
            f"LLMLingua-2 cannot tell what {name!r} is: it goes by the name; let the folder's "
            f"name hold {' or '.join(FAMILIES)}"
        )
    engine = _engine(name)

    def compress(text: str, room: int, tokens: Counter) -> str:
        @cache
        def kept(share: int) -> str:
            return str(engine.compress_prompt(text, rate=share / 100)["compressed_prompt"])

        return _filling(kept, text, room, tokens)

    return compress


def _engine(name: str) -> Any:
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
    except (OSError, ValueError, KeyError, TypeError) as error:  # of three libraries and the net
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BaselineError(
            f"LLMLingua-2 could not be loaded from {name!r}: {reason}. Without network give a "
            "checkpoint's folder (--baseline llmlingua2=FOLDER), and for the tokenizer that it "
            "counts with set TIKTOKEN_CACHE_DIR to a folder where tiktoken has put cl100k_base"
        ) from error


def _filling(kept: Callable[[int], str], text: str, room: int, tokens: Counter) -> str:
    """The least that fills the room, its end cut off. LLMLingua-2 rounds to whole per cents: at
    40× what it keeps for a `target_token` can be half of it."""
    share = 100 * room // max(len(tokens.ends(text)), 1)
    shares = range(max(share - AROUND, FEWEST), max(min(share + AROUND, 100), FEWEST) + 1)
    at = bisect_left(shares, room, key=lambda each: len(tokens.ends(kept(each))))
    return first_tokens(kept(shares[min(at, len(shares) - 1)]), room, tokens)
