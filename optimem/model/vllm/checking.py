"""Whether a running server can answer about stored pages: one finding after another, each with
what to do. Asks about a page of noise, twice, and reads the server's counts of cached positions.
"""

import re
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import NamedTuple

import torch

from optimem.errors import OptimemError
from optimem.model.deepseek_ocr.generation import MAX_POSITIONS, GenerationSettings
from optimem.model.deepseek_ocr.prompts import ask
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored_tokens import StoredPage
from optimem.model.vllm.address import KEY_VARIABLE
from optimem.model.vllm.checkpoints import Checkpoint
from optimem.model.vllm.command import NGRAM_PROCESSOR
from optimem.model.vllm.reader import VllmReader
from optimem.model.vllm.server import ServedModel
from optimem.model.vllm.vectors import as_sent

FIRST_VERSION = (0, 24)
"""The first vLLM that takes the parts; 0.22 ignores them without a word."""
ROWS = 273
"""Positions of a page at Base."""
COMPARED = 32
"""Tokens of the server's answer that are compared with our own."""
HITS = "vllm:prefix_cache_hits_total"


class Finding(NamedTuple):
    """What was found, in words; where it is not `good`, with what to do."""

    good: bool
    text: str

    @classmethod
    def of(cls, good: bool, text: str, remedy: str) -> "Finding":
        """What was found, and the remedy unless that is good."""
        return cls(good, text if good else f"{text}: {remedy}")


def check_server(
    address: str,
    model: str,
    *,
    here: Callable[[], DeepSeekReader] | None = None,
    timeout: float = 120.0,
) -> Iterator[Finding]:
    """What there is to say of the server at an address for a checkpoint, a folder or hub name.
    `here`: loads the checkpoint, to compare its likeliest tokens with the server's. Ends with the
    first finding that leaves nothing more to find. Raises InputError and FormatError for what is no
    address or no checkpoint."""
    checkpoint = Checkpoint.at(model)
    reader = VllmReader.at(address, timeout=timeout, retries=0)
    page = _page(checkpoint.fingerprint, checkpoint.width)
    kind = checkpoint.kind
    try:
        served = reader.served
        yield from _described(served, reader, page)
        if served.fingerprint is None and not served.vouched:
            return  # nothing would be answered
        page = _as_served(page, served)
        yield from _asked(reader, page, caches=not (kind and kind.windowed))
        if here:
            yield _compared(reader, page, here())
    except OptimemError as error:
        yield Finding(False, str(error))
    finally:
        reader.close()


def _described(served: ServedModel, reader: VllmReader, page: StoredPage) -> Iterator[Finding]:
    """What the server says of itself."""
    yield Finding.of(
        _version(served.version) >= FIRST_VERSION,
        f"vLLM {served.version} answers at {served.url}",
        "it is too old for vision tokens, install 0.24 or later",
    )
    yield Finding(True, "it takes vision tokens (--enable-prompt-embeds)")
    yield _checkpoint(served, page)
    width = page.tokens.shape[1]
    yield Finding.of(
        served.width in (None, width),
        f"it takes vectors of {served.width or width} dimensions",
        f"those of the checkpoint have {width}",
    )
    yield Finding.of(
        served.positions >= MAX_POSITIONS,
        f"it takes {served.positions} positions, {served.positions // (ROWS + 1)} pages at Base",
        f"the model has {MAX_POSITIONS}, start it with --max-model-len {MAX_POSITIONS}",
    )
    yield Finding.of(
        served.bans,
        "repeated n-grams can be banned" if served.bans else "repeated n-grams cannot be banned",
        f"start it with --logits-processors {NGRAM_PROCESSOR}",
    )
    yield Finding.of(
        reader.is_guarded,
        "it is on this machine or needs a key" if reader.is_guarded else "it needs no key",
        "vLLM takes vision tokens of trusted clients only, so start it with --api-key, and set "
        f"{KEY_VARIABLE} here",
    )


def _checkpoint(served: ServedModel, page: StoredPage) -> Finding:
    try:
        served.check_fingerprint(page.fingerprint, "pages of this checkpoint")
    except OptimemError as error:
        return Finding(False, str(error))
    known = "" if served.fingerprint else ", on your word (?model=)"
    return Finding(True, f"it serves {served.name!r}, the checkpoint {page.fingerprint}{known}")


def _asked(reader: VllmReader, page: StoredPage, caches: bool) -> Iterator[Finding]:
    """A page goes there twice; the second time it should come from the cache, unless vLLM has none
    for such a model."""
    brief = GenerationSettings(limit=1)
    reader.answer([page], ask("What is on this page?"), brief)
    yield Finding(
        True, f"a page of {len(page.tokens)} positions went there, and an answer came back"
    )
    if not caches:
        return
    first = reader.metric(HITS)
    reader.answer([page], ask("And what is not?"), brief)
    second = reader.metric(HITS)
    if first is None or second is None:
        yield Finding(False, "it does not tell how its prefix cache does: open /metrics")
        return
    hits = int(second - first)
    yield Finding.of(
        hits > 0,
        f"asked again, {hits} of {len(page.tokens) + 1} positions came from its prefix cache",
        "leave out --no-enable-prefix-caching, and give --block-size 32 on a CPU",
    )


def _compared(reader: VllmReader, page: StoredPage, here: DeepSeekReader) -> Finding:
    """The server's likeliest tokens beside our own, as text."""
    settings, question = GenerationSettings(limit=COMPARED), ask("What is on this page?")
    ours = here.answer([page], question, settings)[0].text
    theirs = reader.answer([page], question, settings)[0].text
    same = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False))
    )
    if ours == theirs:
        return Finding(True, f"its {COMPARED} likeliest tokens are those of the checkpoint here")
    return Finding.of(
        same > 0,
        f"of {len(ours)} characters that the checkpoint here answers, {same} are its own, too",
        "other weights are served, or in another precision",
    )


def _page(fingerprint: str, width: int) -> StoredPage:
    """A page of noise, the same each time."""
    tokens = torch.randn(ROWS, width, generator=torch.Generator().manual_seed(0))
    return StoredPage(fingerprint, "base", 256, 1024, 1024, as_sent(tokens).float())


def _as_served(page: StoredPage, served: ServedModel) -> StoredPage:
    """The page as if the served checkpoint had written it: which one is served was told before."""
    name = served.fingerprint or page.fingerprint
    return StoredPage(name, page.mode, page.vision_tokens, page.width, page.height, page.tokens)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])
