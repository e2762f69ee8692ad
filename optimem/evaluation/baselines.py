"""What the same tokens, or the same bytes, would buy without optical memory.

Each baseline returns the text that it still has, which is scored like a reading. At equal
tokens: the newest text, random parts of it, LLMLingua-2's choice. At equal bytes: the newest text
that fits, plain or compressed. On the same image: other readers. How the programs of others are
driven is in `external`.
"""

import lzma
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from optimem.errors import BaselineError
from optimem.evaluation.external import (
    OcrReader,
    TextCompressor,
    open_llmlingua2,
    open_rapidocr,
    open_tesseract,
)
from optimem.evaluation.tokenizers import Tokenizer, count_tokens, last_tokens
from optimem.omem.container import compress
from optimem.protocols import Renderer
from optimem.tiers import Tier

FIT_STEPS = 12  # halvings in the search for how much text fits
CHUNK_WORDS = 16  # of text without lines, in a random part
SLOW_PAGES = 1
"""Pages of each sample given to an external baseline, which may take half a minute for one."""


class BaselinePage(NamedTuple):
    """A page to compete with: its text, its tier, and the bytes of its vision tokens."""

    text: str
    tier: Tier
    data_bytes: int


class BaselineSetup(NamedTuple):
    """What baselines work with. `seed`: of those that choose at random."""

    renderer: Renderer
    tokenizer: Tokenizer
    seed: int


Baseline = Callable[[BaselinePage, BaselineSetup], str]


def newest(page: BaselinePage, setup: BaselineSetup) -> str:
    """The last text tokens, as many as the page has vision tokens."""
    return last_tokens(page.text, page.tier.tokens, setup.tokenizer)


def random_part(page: BaselinePage, setup: BaselineSetup) -> str:
    """Random lines, or chunks of 16 words if there are no lines, in their order, as many as fit
    in the page's number of vision tokens."""
    chunks = page.text.splitlines(keepends=True)
    if len(chunks) < page.tier.grid:
        words = page.text.split(" ")
        starts = range(0, len(words), CHUNK_WORDS)
        chunks = [" ".join(words[at : at + CHUNK_WORDS]) + " " for at in starts]
    kept, room = set[int](), page.tier.tokens
    for index in np.random.default_rng(setup.seed).permutation(len(chunks)).tolist():
        size = count_tokens(chunks[index], setup.tokenizer)
        if size <= room:
            kept.add(index)
            room -= size
    return "".join(chunk for index, chunk in enumerate(chunks) if index in kept)


def plain(page: BaselinePage, setup: BaselineSetup) -> str:
    """The newest text whose UTF-8 is no larger than the page's vision tokens."""
    return _newest_fitting(page, lambda data: data)


def zstd(page: BaselinePage, setup: BaselineSetup) -> str:
    """The newest text that is no larger than the vision tokens under zstd."""
    return _newest_fitting(page, compress)


def lzma_(page: BaselinePage, setup: BaselineSetup) -> str:
    """The newest text that is no larger than the vision tokens under LZMA."""
    return _newest_fitting(page, lambda data: lzma.compress(data, lzma.FORMAT_ALONE))


def _newest_fitting(page: BaselinePage, pack: Callable[[bytes], bytes]) -> str:
    """The longest end of a text whose packed bytes fit, to within a four-thousandth."""
    text, room = page.text, page.data_bytes
    if len(pack(text.encode())) <= room:
        return text
    fits, large = 0, len(text)
    for _ in range(FIT_STEPS):
        size = (fits + large) // 2
        if len(pack(text[len(text) - size :].encode())) <= room:
            fits = size
        else:
            large = size
    return text[len(text) - fits :]


def ocr_baseline(reader: OcrReader) -> Baseline:
    """A reader of images, given the page at its tier."""

    def read(page: BaselinePage, setup: BaselineSetup) -> str:
        renderer = setup.renderer
        image = renderer.page(renderer.cells(page.text)).image(page.tier)
        return row_separator(renderer).join(reader(image))

    return read


def row_separator(renderer: Renderer) -> str:
    """What to put between two rows read: a newline if a newline starts a new row, and nothing if
    text flows on and a newline is a symbol like any other."""
    last = len(renderer.cells("a\nb")) - 1
    above, below = (renderer.box(cell, Tier.LARGE) for cell in (0, last))
    return "\n" if below.top > above.top else ""


def compressor_baseline(compressor: TextCompressor) -> Baseline:
    """A prompt compressor that keeps as many text tokens as the page has vision tokens."""
    return lambda page, setup: compressor(page.text, page.tier.tokens, setup.tokenizer)


EQUAL_TOKENS: dict[str, Baseline] = {"newest": newest, "random part": random_part}
EQUAL_BYTES: dict[str, Baseline] = {"plain text": plain, "zstd": zstd, "lzma": lzma_}
BUILT_IN = {**EQUAL_TOKENS, **EQUAL_BYTES}
LLMLINGUA = "llmlingua2"
EXTERNAL: dict[str, Callable[[str], Baseline]] = {
    LLMLINGUA: lambda checkpoint: compressor_baseline(open_llmlingua2(checkpoint)),
    "tesseract": lambda _: ocr_baseline(open_tesseract()),
    "rapidocr": lambda _: ocr_baseline(open_rapidocr()),
}


def basis(name: str) -> str:
    """What a baseline has in common with the page."""
    if name in EQUAL_BYTES:
        return "equal bytes"
    return "equal tokens" if name in EQUAL_TOKENS or name == LLMLINGUA else "same image"


def open_baselines(names: Sequence[str]) -> dict[str, Baseline]:
    """Baselines by name; `llmlingua2=CHECKPOINT` names its weights. Raises BaselineError for an
    unknown name or weights that cannot be loaded, and MissingExtraError."""
    pairs = [name.partition("=")[::2] for name in names]
    for name, value in pairs:
        if name not in BUILT_IN and name not in EXTERNAL:
            known = ", ".join((*BUILT_IN, *EXTERNAL))
            raise BaselineError(f"unknown baseline {name!r}; choose from {known}")
        if value and name != LLMLINGUA:
            raise BaselineError(f"{name} takes no value, but got {value!r}; write just {name}")
    return {
        name: BUILT_IN[name] if name in BUILT_IN else EXTERNAL[name](value) for name, value in pairs
    }
