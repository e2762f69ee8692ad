"""How fast pages are written and read, beside Tesseract on the same pages in one run.

    python -m benchmarks.speed FILE [--beside WEIGHTS]

prints a table, with a row for each tier: pages a second written and read, and how many times as
fast as Tesseract that is. Only these ratios mean anything. With `--beside`, a second one: how many
times as fast as other weights of `optimem-nano`, the two taking turns.

Writing is drawing, encoding and committing to an SQLite store; reading is loading from it and
decoding to text. Tesseract reads a page at its full 1280 px on one thread; its time includes the
image file that it is given (see `optimem.evaluation.external`).
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from optimem.build import nano_codec, old_codec
from optimem.evaluation.external import open_tesseract
from optimem.evaluation.measures import accuracy
from optimem.evaluation.sampling import full_pages
from optimem.protocols import Cells, Change, PageCodec, Store, VisionTokens
from optimem.store.sqlite import SQLiteStore
from optimem.text.files import read_text_file
from optimem.text.tokens import text_tokens
from optimem.tiers import Tier
from optimem.turns import Scope

SCOPE = Scope(session="speed")
WARM_UP = 2  # pages written and read on each tier first: loads the weights, allocates
TURNS = 3  # that two weights take at a tier; the quickest of each counts


def compare(texts: Sequence[str], codec: PageCodec, store: Store) -> None:
    """Print the table for one page of each text."""
    pages = warm_up(texts, codec, store)
    slow, right = time_tesseract(pages[0], texts[0], codec)
    print(f"{len(pages)} pages of about {text_tokens(texts[0]):,} text tokens")
    print(f"Tesseract 5: {slow:.2f} s a page, {right:.1%} of characters right, ratio 1")
    print("| tier | write, pages/s | × Tesseract | read, pages/s | × Tesseract |")
    print("|---|---|---|---|---|")
    for tier in reversed(Tier):
        write = write_pages(pages, tier, codec, store)
        read = read_pages(pages, tier, codec, store)
        print(
            f"| {tier.label} | {1 / write:.1f} | {slow / write:.0f}× "
            f"| {1 / read:.1f} | {slow / read:.0f}× |"
        )


def compare_weights(texts: Sequence[str], codec: PageCodec, other: PageCodec, store: Store) -> None:
    """Print how many times as fast as another codec one is, at each tier."""
    both = [(each, warm_up(texts, each, store)) for each in (codec, other)]
    print("| tier | write, × the other weights | read, × the other weights |")
    print("|---|---|---|")
    for tier in reversed(Tier):
        times = [
            [
                (write_pages(pages, tier, each, store), read_pages(pages, tier, each, store))
                for each, pages in both
            ]
            for _ in range(TURNS)
        ]
        own, others = (map(min, *taken) for taken in zip(*times, strict=True))
        write, read = (theirs / ours for ours, theirs in zip(own, others, strict=True))
        print(f"| {tier.label} | {write:.2f}× | {read:.2f}× |")


def warm_up(texts: Sequence[str], codec: PageCodec, store: Store) -> list[Cells]:
    """The cells of one page of each text, as far as they fit; some are written and read."""
    pages = [codec.renderer.cells(text)[: codec.renderer.capacity] for text in texts]
    for tier in Tier:
        write_pages(pages[:WARM_UP], tier, codec, store)
        read_pages(pages[:WARM_UP], tier, codec, store)
    return pages


def write_pages(pages: Sequence[Cells], tier: Tier, codec: PageCodec, store: Store) -> float:
    """Seconds a page to draw, encode and store."""
    started = time.perf_counter()
    tokens = codec.encoder.encode([codec.renderer.page(cells) for cells in pages], tier)
    store.commit(SCOPE, [Change(f"{tier}:{i}", t.data) for i, t in enumerate(tokens)])
    return (time.perf_counter() - started) / len(pages)


def read_pages(pages: Sequence[Cells], tier: Tier, codec: PageCodec, store: Store) -> float:
    """Seconds a page to load and read what `write_pages` stored."""
    started = time.perf_counter()
    entries = store.get(SCOPE, [f"{tier}:{i}" for i in range(len(pages))])
    fingerprint = codec.encoder.fingerprint
    tokens = [
        VisionTokens(tier, len(cells), fingerprint, entry.value)
        for cells, entry in zip(pages, entries, strict=True)
        if entry
    ]
    for cells in codec.decoder.read(tokens):
        codec.renderer.text(cells)
    return (time.perf_counter() - started) / len(pages)


def time_tesseract(page: Cells, text: str, codec: PageCodec) -> tuple[float, float]:
    """Seconds that Tesseract takes for a page, and the share of characters it reads right."""
    read, ink = open_tesseract(), codec.renderer.page(page).image(Tier.LARGE)
    started = time.perf_counter()
    lines = read(ink)
    return time.perf_counter() - started, accuracy(text, "".join(lines))


def main() -> None:
    """Parse the arguments, measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="UTF-8 text, plain or .xz")
    parser.add_argument("--pages", type=int, default=24, help="pages of it (%(default)s)")
    parser.add_argument("--beside", type=Path, metavar="WEIGHTS", help="other weights to time")
    args = parser.parse_args()
    codec = nano_codec()
    texts = full_pages(read_text_file(args.file), args.pages, codec.renderer, str(args.file))
    with tempfile.TemporaryDirectory() as folder:
        store = SQLiteStore(Path(folder) / "speed.db")
        compare(texts, codec, store)
        if args.beside:
            compare_weights(texts, codec, old_codec(args.beside), store)
        store.close()


if __name__ == "__main__":
    main()
