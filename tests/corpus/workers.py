"""Codecs that workers in other processes make, by name: plain, slow and deadly."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from optimem.errors import FormatError
from optimem.protocols import Page, PageCodec, VisionTokens
from optimem.testing import PlainModel, PlainRenderer, plain_codec
from optimem.testing.pages import PlainPage
from optimem.tiers import Tier

DEADLY = "deadly"


class SlowModel(PlainModel):
    """Takes its time for a batch of pages. `seconds`: how long."""

    seconds = 0.1

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        time.sleep(self.seconds)
        return super().encode(pages, tier)


class BriskModel(SlowModel):
    """The same in a quarter of the time."""

    seconds = 0.025


class DeadlyModel(PlainModel):
    """Ends its process at a page that says so, and fails at one that says "raise"."""

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        for page in pages:
            assert isinstance(page, PlainPage)
            text = "".join(map(chr, page.cells))
            if DEADLY in text:
                os._exit(9)
            if "raise" in text:
                raise RuntimeError("the model failed")
        return super().encode(pages, tier)


def slow_codec() -> PageCodec:
    return PageCodec(PlainRenderer(), SlowModel(), SlowModel())


def brisk_codec() -> PageCodec:
    return PageCodec(PlainRenderer(), BriskModel(), BriskModel())


def deadly_codec() -> PageCodec:
    model = DeadlyModel()
    return PageCodec(PlainRenderer(), model, model)


def dying_codec() -> NoReturn:
    os._exit(7)


def broken_codec() -> NoReturn:
    raise FormatError("these weights are broken")


def other_codec() -> PageCodec:
    model = PlainModel(fingerprint="plain-2")
    return PageCodec(PlainRenderer(), model, model)


def write_texts(folder: Path, count: int) -> dict[str, str]:
    """Short documents in a folder and those below it; what stands in each."""
    texts = {f"{n % 7}/{n:05}.txt": f"document {n} " + "words " * (n % 5) for n in range(count)}
    for name, each in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(each)
    return texts


def read_all(out: Path) -> Iterator[tuple[str, str]]:
    """What a corpus holds, document by document, as often as its shards hold it."""
    from optimem.corpus.reading import Corpus
    from optimem.corpus.shards import load_manifest, read_index

    shards = load_manifest(out).shards
    entries = [entry for shard in shards for entry, _ in read_index(out / shard.name)]
    corpus = Corpus.load(out)
    for entry in entries:
        (read,) = corpus.read([entry.id], codec=plain_codec())
        yield read
