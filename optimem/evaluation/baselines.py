"""What the same tokens or the same bytes would buy without optical memory.

Each baseline gives back the text that it still has; it is scored like a reading. At equal
tokens: the newest text, a random part of it, LLMLingua-2's choice (`llmlingua`). At equal bytes:
the newest text that fits, plain or compressed. On the same image: other readers (`ocr`).
"""

import lzma
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from optimem.errors import BaselineError
from optimem.evaluation.peers import (
    Compressor,
    OcrReader,
    open_llmlingua2,
    open_rapidocr,
    open_tesseract,
)
from optimem.evaluation.tokenizers import Counter, last_tokens
from optimem.omem.container import compress
from optimem.protocols import Renderer
from optimem.tiers import Tier

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
    return _fitting(page, compress)


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


def open_reader(opened: OcrReader) -> Baseline:
    """A reader of images as a baseline: it reads the page at its tier."""

    def read(page: Page, means: Means) -> str:
        image = means.renderer.page(means.renderer.cells(page.text)).image(page.tier)
        return line_end(means.renderer).join(opened(image))

    return read


def line_end(renderer: Renderer) -> str:
    """What stands between two rows of a page: a newline if one begins a new row, and nothing
    if text flows on and a newline is a glyph like any other."""
    last = len(renderer.cells("a\nb")) - 1
    above, below = (renderer.box(cell, Tier.LARGE) for cell in (0, last))
    return "\n" if below.top > above.top else ""


def open_compressor(opened: Compressor) -> Baseline:
    """A compressor of prompts as a baseline: it keeps as many tokens as the page has."""
    return lambda page, means: opened(page.text, page.tier.tokens, means.tokens)


EQUAL_TOKENS: dict[str, Baseline] = {"newest": newest, "random part": random_part}
EQUAL_BYTES: dict[str, Baseline] = {"plain text": plain, "zstd": zstd, "lzma": lzma_}
LLMLINGUA = "llmlingua2"
OPTIONAL: dict[str, Callable[[str], Baseline]] = {
    LLMLINGUA: lambda checkpoint: open_compressor(open_llmlingua2(checkpoint)),
    "tesseract": lambda _: open_reader(open_tesseract()),
    "rapidocr": lambda _: open_reader(open_rapidocr()),
}
DEFAULT = (*EQUAL_TOKENS, *EQUAL_BYTES)
SLOW_PAGES = 1
"""Pages of a sample that an optional baseline is given: it may take half a minute for one."""


def basis(name: str) -> str:
    """What a baseline has as much of as the page."""
    if name in EQUAL_BYTES:
        return "equal bytes"
    return "equal tokens" if name in EQUAL_TOKENS or name == LLMLINGUA else "same image"


def baselines(asked: Sequence[str]) -> dict[str, Baseline]:
    """Baselines by name, opened; `llmlingua2=CHECKPOINT` names its weights. Raises BaselineError
    for a name that is not there or weights that cannot be loaded, and MissingExtraError."""
    plain_ones = {**EQUAL_TOKENS, **EQUAL_BYTES}
    pairs = [each.partition("=")[::2] for each in asked]
    for name, given in pairs:
        if name not in plain_ones and name not in OPTIONAL:
            known = ", ".join((*plain_ones, *OPTIONAL))
            raise BaselineError(f"no baseline is called {name!r}; choose of {known}")
        if given and name != LLMLINGUA:
            raise BaselineError(f"{name} takes no {given!r}; write --baseline {name}")
    return {
        name: plain_ones[name] if name in plain_ones else OPTIONAL[name](given)
        for name, given in pairs
    }
