"""What the same tokens or the same bytes would buy without optical memory.

Each baseline gives back the text that it still has; it is scored like a reading. At equal
tokens: the newest text, a random part of it, LLMLingua-2's choice. At equal bytes: the newest
text that fits, plain or compressed. Other readers: Tesseract and RapidOCR on the page's image.
"""

import lzma
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zstandard

from optimem.build import save_image
from optimem.errors import BaselineError, MissingExtraError
from optimem.evaluation.tokenizer import Counter, first_tokens, last_tokens
from optimem.protocols import Renderer
from optimem.tiers import Tier

ZSTD_LEVEL = 19
FIT_STEPS = 12  # halvings when looking for how much text fits into some bytes


class Page(NamedTuple):
    """A page to compete with: its text, its tier, and the bytes of its vision tokens."""

    text: str
    tier: Tier
    data_bytes: int


class Means(NamedTuple):
    """What baselines work with."""

    renderer: Renderer
    tokens: Counter
    seed: int


Baseline = Callable[[Page, Means], str]


def newest(page: Page, means: Means) -> str:
    """The last text tokens, as many as the page has vision tokens."""
    return last_tokens(page.text, page.tier.tokens, means.tokens)


def random_part(page: Page, means: Means) -> str:
    """Random lines, or pieces of 16 words where there are no lines, in their order, as many
    as fit into the page's number of vision tokens."""
    pieces = page.text.splitlines(keepends=True)
    if len(pieces) < page.tier.grid:
        words = page.text.split(" ")
        pieces = [" ".join(words[i : i + 16]) + " " for i in range(0, len(words), 16)]
    kept, room = set[int](), page.tier.tokens
    for index in np.random.default_rng(means.seed).permutation(len(pieces)).tolist():
        size = len(means.tokens.ends(pieces[index]))
        if size <= room:
            kept.add(index)
            room -= size
    return "".join(piece for at, piece in enumerate(pieces) if at in kept)


def plain(page: Page, means: Means) -> str:
    """The newest text whose UTF-8 is no larger than the page's vision tokens."""
    return _fitting(page, lambda data: data)


def zstd(page: Page, means: Means) -> str:
    """The newest text that zstd, level 19, makes no larger than the vision tokens."""
    return _fitting(page, lambda data: zstandard.compress(data, ZSTD_LEVEL))


def lzma_(page: Page, means: Means) -> str:
    """The same with LZMA."""
    return _fitting(page, lambda data: lzma.compress(data, lzma.FORMAT_ALONE))


def _fitting(page: Page, pack: Callable[[bytes], bytes]) -> str:
    """The longest end of a text whose packed bytes fit, to within a four-thousandth."""
    if len(pack(page.text.encode())) <= page.data_bytes:
        return page.text
    fits, large = 0, len(page.text)
    for _ in range(FIT_STEPS):
        size = (fits + large) // 2
        kept = page.text[len(page.text) - size :]
        fits, large = (size, large) if len(pack(kept.encode())) <= page.data_bytes else (fits, size)
    return page.text[len(page.text) - fits :]


def tesseract(page: Page, means: Means) -> str:
    """What Tesseract reads of the page's image at its tier, line ends left out."""
    program = shutil.which("tesseract")
    if program is None:
        raise MissingExtraError("tesseract is not installed; apt-get install tesseract-ocr")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.png"
        save_image(means.renderer.page(means.renderer.cells(page.text)).image(page.tier), path)
        command = [program, str(path), "-", "--psm", "6"]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
    return done.stdout.replace("\n", "")


def rapidocr(page: Page, means: Means) -> str:
    """What RapidOCR reads of the page's image at its tier."""
    engine = _imported("rapidocr", "pip install rapidocr onnxruntime").RapidOCR()
    image = means.renderer.page(means.renderer.cells(page.text)).image(page.tier)
    found = engine(np.stack([255 - image] * 3, axis=-1))
    return "".join(found.txts or ())


def llmlingua2(page: Page, means: Means) -> str:
    """What LLMLingua-2 keeps when asked for as many tokens as the page has."""
    compressor = _imported("llmlingua", "pip install llmlingua").PromptCompressor(
        "microsoft/llmlingua-2-bert-base-multilingual-cased-meetingbank", use_llmlingua2=True,
        device_map="cpu",
    )  # fmt: skip
    kept = compressor.compress_prompt(page.text, target_token=page.tier.tokens)
    return first_tokens(str(kept["compressed_prompt"]), page.tier.tokens, means.tokens)


def _imported(name: str, remedy: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(f"{name} is not installed; {remedy}") from error


EQUAL_TOKENS: dict[str, Baseline] = {"newest": newest, "random part": random_part}
EQUAL_BYTES: dict[str, Baseline] = {"plain text": plain, "zstd": zstd, "lzma": lzma_}
OPTIONAL: dict[str, Baseline] = {
    "llmlingua2": llmlingua2, "tesseract": tesseract, "rapidocr": rapidocr,
}  # fmt: skip
DEFAULT = (*EQUAL_TOKENS, *EQUAL_BYTES)
SLOW_PAGES = 1
"""Pages of a sample that an optional baseline is given: it may take half a minute for one."""


def basis(name: str) -> str:
    """What a baseline has as much of as the page."""
    if name in EQUAL_BYTES:
        return "equal bytes"
    return "equal tokens" if name in EQUAL_TOKENS or name == "llmlingua2" else "same image"


def baselines(names: Sequence[str]) -> dict[str, Baseline]:
    """Baselines by name. Raises BaselineError for a name that is not there."""
    known = {**EQUAL_TOKENS, **EQUAL_BYTES, **OPTIONAL}
    for name in names:
        if name not in known:
            raise BaselineError(f"no baseline is called {name!r}; choose of {', '.join(known)}")
    return {name: known[name] for name in names}
