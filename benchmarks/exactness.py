"""Whether what is read is what was written, whatever the text and the machine.

    python -m benchmarks.exactness [--texts N]

writes N generated texts of any code points, many to a file, at Large, Base and Small, and reads
them again here and in processes that read otherwise: in bf16 and fp32, with one and two threads, in
other batches, and with fewer instruction sets. It prints a row for each reader: cells that its
tokens read differently from the writer's, the highest probability of such a cell, and texts that
did not come back to the letter. Exits with 1 if there are any.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from optimem import build
from optimem.api.files import compress, read_pages
from optimem.evaluation.tables import markdown_table
from optimem.omem.text import TokenFile
from optimem.protocols import PageCodec, ReadCells
from optimem.tiers import Tier

SEED = 12
SEPARATOR = "\U0010ffff"
"""Between the texts of a file; generated texts do not hold it."""
TIERS = (Tier.LARGE, Tier.BASE, Tier.SMALL)
RANGES = (
    (0x20, 0x7E), (0x20, 0x7E), (0x00, 0x1F), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x52F),
    (0x590, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x2000, 0x2BFF), (0x3040, 0x30FF),
    (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xFFFD), (0x1F300, 0x1FAFF), (0x10000, 0x10FFFD),
)  # fmt: skip
"""What texts are made of: ASCII and controls, accents, combining marks, scripts from left and
right, symbols, Chinese, Korean, private use, emoji, and every other plane."""


class Reader(NamedTuple):
    """A way to read. `environment`: set before torch is loaded."""

    name: str
    dtype: str
    threads: int
    batch: int
    environment: dict[str, str]


READERS = (
    Reader("bf16, 2 threads", "bfloat16", 2, 8, {}),
    Reader("fp32, 1 thread, page by page", "float32", 1, 1, {}),
    Reader("bf16 without AMX", "bfloat16", 1, 3, {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}),
    Reader("bf16 with AVX2", "bfloat16", 1, 8,
           {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}),
    Reader("fp32 without AVX", "float32", 1, 8,
           {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"}),
)  # fmt: skip


def generated_texts(count: int, seed: int = SEED) -> Iterator[str]:
    """Texts of 1 to 40 characters, each of one to three ranges."""
    draw = Random(seed)
    for _ in range(count):
        ranges = draw.choices(RANGES, k=draw.randint(1, 3))
        codes = (draw.randint(*draw.choice(ranges)) for _ in range(draw.randint(1, 40)))
        yield "".join(char for char in map(chr, codes) if unicodedata.category(char) != "Cs")


def wrong_texts(files: Sequence[TokenFile], texts: Sequence[str], codec: PageCodec) -> int:
    """Texts that do not come back from one of the files."""
    wrong = set[int]()
    for file in files:
        read = "".join(page.text for page in read_pages(file, codec)).split(SEPARATOR)
        pairs = enumerate(zip(texts, [*read, *[""] * (len(texts) - len(read))], strict=False))
        wrong.update(at for at, (text, found) in pairs if text != found)
    return len(wrong)


def read_as(reader: Reader, folder: Path) -> list[str]:
    """A row of the table, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.exactness", "--reader", reader.name, str(folder)]
    environment = {**os.environ, **reader.environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def measure_reader(reader: Reader, folder: Path) -> list[str]:
    """What `read_as` runs: read the files in a folder with one reader."""
    import torch

    from optimem.model.nano import page_codec

    torch.set_num_threads(reader.threads)
    page_codec.BATCH.update(dict.fromkeys(Tier, reader.batch))
    renderer = build.nano().renderer
    nano = page_codec.NanoCodec(renderer, dtype=getattr(torch, reader.dtype))
    codec = PageCodec(renderer, nano, nano)
    texts = json.loads((folder / "texts.json").read_text("utf-8"))
    files = [TokenFile.load(folder / f"{tier.label}.omem") for tier in TIERS]
    cells, differing, highest = 0, 0, 0.0
    for file in files:
        before = np.load(folder / f"{file.tier.label}.npy")
        read = _joined(nano.read([page.tokens for page in file.pages]))
        changed = read.ids != before
        cells, differing = cells + len(changed), differing + int(changed.sum())
        highest = max(highest, float(read.probability[changed].max(initial=0)))
    wrong = wrong_texts(files, texts, codec)
    return [reader.name, f"{cells:,}", f"{differing:,}", f"{highest:.2f}", f"{wrong}"]


def write_files(texts: Sequence[str], folder: Path) -> None:
    """A file at each tier with all texts, and what its tokens read as here."""
    codec = build.nano_codec()
    (folder / "texts.json").write_text(json.dumps(texts), "utf-8")
    for tier in TIERS:
        file = compress(SEPARATOR.join(texts), tier, codec).file
        file.save(folder / f"{tier.label}.omem")
        read = _joined(codec.decoder.read([page.tokens for page in file.pages]))
        np.save(folder / f"{tier.label}.npy", read.ids)


def _joined(read: Sequence[ReadCells]) -> ReadCells:
    return ReadCells(
        np.concatenate([each.ids for each in read]),
        np.concatenate([each.probability for each in read]),
    )


def measure(count: int, readers: Sequence[Reader] = READERS) -> list[list[str]]:
    """The table, its header first."""
    header = ["reader", "cells", "read differently", "highest probability", "texts not exact"]
    with tempfile.TemporaryDirectory() as name:
        write_files(list(generated_texts(count)), Path(name))
        return [header, *(read_as(reader, Path(name)) for reader in readers)]


def main() -> None:
    """Parse the arguments, measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.exactness",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--texts", type=int, default=10_000, help="how many (%(default)s)")
    parser.add_argument("--reader", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.reader:
        name, folder = args.reader
        (reader,) = [each for each in READERS if each.name == name]
        print(json.dumps(measure_reader(reader, Path(folder))))
        return
    rows = measure(args.texts)
    print(markdown_table(rows))
    sys.exit(any(row[-1] != "0" for row in rows[1:]))


if __name__ == "__main__":
    main()
