"""How fast pages are written and read, beside Tesseract reading the same pages in the same run:
`python -m benchmarks.speed FILE`.

Writing is drawing, encoding and committing to an SQLite store; reading is loading from it and
decoding. Tesseract reads the same pages at their full 1280 px, on one
thread (see `evaluation.external`), the file it is given included. Only the ratio means anything.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from optimem.build import nano_codec
from optimem.evaluation.external import open_tesseract
from optimem.evaluation.measures import accuracy
from optimem.evaluation.sampling import full_pages
from optimem.protocols import Cells, Change, PageCodec, VisionTokens
from optimem.store.sqlite import SQLiteStore
from optimem.text.files import read_text_file
from optimem.text.tokens import text_tokens
from optimem.tiers import Tier
from optimem.turns import Scope

SCOPE = Scope(session="speed")


def write_pages(pages: Sequence[Cells], tier: Tier, reader: PageCodec, store: SQLiteStore) -> float:
    """Seconds a page to draw, encode and store."""
    started = time.perf_counter()
    tokens = reader.encoder.encode([reader.renderer.page(cells) for cells in pages], tier)
    store.commit(SCOPE, [Change(f"{tier}:{i}", t.data) for i, t in enumerate(tokens)])
    return (time.perf_counter() - started) / len(pages)


def read_pages(pages: Sequence[Cells], tier: Tier, reader: PageCodec, store: SQLiteStore) -> float:
    """Seconds a page to load and read."""
    started = time.perf_counter()
    entries = store.get(SCOPE, [f"{tier}:{i}" for i in range(len(pages))])
    print_ = reader.encoder.fingerprint
    found = zip(pages, entries, strict=True)
    tokens = [VisionTokens(tier, len(cells), print_, e.value) for cells, e in found if e]
    for cells in reader.decoder.read(tokens):
        reader.renderer.text(cells)
    return (time.perf_counter() - started) / len(pages)


def tesseract(page: Cells, text: str, reader: PageCodec) -> tuple[float, float]:
    """Seconds that Tesseract takes for a page, and its share of characters right."""
    read, ink = open_tesseract(), reader.renderer.page(page).image(Tier.LARGE)
    started = time.perf_counter()
    lines = read(ink)
    return time.perf_counter() - started, accuracy(text, "".join(lines))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.speed", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--pages", type=int, default=24)
    args = parser.parse_args()
    reader = nano_codec()
    texts = full_pages(read_text_file(args.file), args.pages, reader.renderer, str(args.file))
    pages = [reader.renderer.cells(text) for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        store = SQLiteStore(Path(folder) / "speed.db")
        for tier in Tier:  # warm up: load the weights, allocate
            write_pages(pages[:2], tier, reader, store)
            read_pages(pages[:2], tier, reader, store)
        slow, right = tesseract(pages[0], texts[0], reader)
        print(f"{len(pages)} pages of about {text_tokens(texts[0]):,} text tokens")
        print(f"Tesseract 5: {slow:.2f} s a page, {right:.1%} of characters right, ratio 1")
        print("| tier | write, pages/s | × Tesseract | read, pages/s | × Tesseract |")
        print("|---|---|---|---|---|")
        for tier in reversed(Tier):
            write = write_pages(pages, tier, reader, store)
            read = read_pages(pages, tier, reader, store)
            print(
                f"| {tier.label} | {1 / write:.1f} | {slow / write:.0f}× "
                f"| {1 / read:.1f} | {slow / read:.0f}× |"
            )
        store.close()


if __name__ == "__main__":
    main()
