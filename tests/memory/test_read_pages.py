"""A memory whose pages any reader of images can read, with Tesseract in that reader's place.

Tesseract knows nothing of us: that it reads the pages shows that they are legible, and that its
free text comes back as turns shows that a model's will. What stands for the vision tokens is the
page's image.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from optimem import OpticalMemory
from optimem.api.files import compress, read_pages
from optimem.memory.decay import DAY, DecayPolicy
from optimem.model.deepseek_ocr.text_pages import Said, aligned, rules_of
from optimem.protocols import Page, PageCodec, ReadCells, VisionTokens
from optimem.renderers.ruled import RuledRenderer
from optimem.tiers import Tier
from optimem.turns import Turn

NOW = 1_700_000_000.0
TURNS = [
    Turn(role="user", id="q", text="Which port does the staging database listen on?"),
    Turn(
        role="assistant",
        id="a",
        text="It listens on port 6543. The host was moved to Rotterdam last week, and everybody "
        "who connects from the old office needs the new address, staging.example.org.\n"
        "1. Stop the worker.\n2. Change the address.\n3. Start it again.",
    ),
    *(
        Turn(role="tool", id=f"t{n}", text=f"Run {n} took {n + 7} minutes and wrote {n} files.")
        for n in range(2, 30)
    ),
]


@pytest.fixture(scope="module", autouse=True)
def tesseract() -> None:
    if shutil.which("tesseract") is None:
        if os.environ.get("CI"):
            pytest.fail("tesseract is not installed; apt-get install tesseract-ocr")
        pytest.skip("needs tesseract: apt-get install tesseract-ocr")


class TesseractPages:
    """Keeps a page's image and reads it."""

    fingerprint = "tesseract"

    def __init__(self) -> None:
        self.drawn: dict[bytes, Page] = {}  # by their image: whose rules are stored beside tokens

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        return [self._kept(page, tier) for page in pages]

    def _kept(self, page: Page, tier: Tier) -> VisionTokens:
        png = BytesIO()
        Image.fromarray(255 - page.image(tier)).save(png, "PNG")
        self.drawn[png.getvalue()] = page
        return VisionTokens(tier, len(page.cells), self.fingerprint, png.getvalue())

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        return [self._read(token) for token in tokens]

    def _read(self, token: VisionTokens) -> ReadCells:
        said = subprocess.run(
            ["tesseract", "-", "-", "--psm", "6"],
            input=token.data,
            capture_output=True,
            check=True,
            env=os.environ | {"OMP_THREAD_LIMIT": "1"},  # its threads wait for each other, busily
        )
        text = said.stdout.decode()
        sure = np.full(len(text), 0.9, np.float32)
        return aligned(Said(text, sure), rules_of(self.drawn[token.data].cells))


@pytest.fixture
def reader() -> PageCodec:
    pages = TesseractPages()
    return PageCodec(RuledRenderer(), pages, pages)


@pytest.fixture
def memory(reader: PageCodec) -> Iterator[OpticalMemory]:
    policy = DecayPolicy(write_error=0.03, floor=0.9)
    with OpticalMemory.open(":memory:", codec=reader, policy=policy, clock=lambda: NOW) as opened:
        opened.append("s", TURNS)
        opened.flush("s")
        yield opened


def test_turns_are_read_from_the_picture(memory: OpticalMemory) -> None:
    assert memory.stats("s").pages_by_tier == {"large": 1}
    turns = memory.reconstruct("s")
    assert [turn.id for turn in turns] == [turn.id for turn in TURNS]
    assert sum(turn.exact for turn in turns) >= len(turns) - 1
    (found,) = memory.recall("s", "port of the staging database", k=1)
    assert found.id in ("q", "a")
    assert found.parts[0].boxes


def test_a_page_fades_and_its_exact_values_stay(memory: OpticalMemory) -> None:
    report = memory.sweep(now=NOW + 2 * DAY)
    assert [(move.before, move.after) for move in report.moves] == [("large", "base")]
    report = memory.sweep(now=NOW + 10 * DAY)
    assert [(move.before, move.after) for move in report.moves] == [("base", "small")]
    texts = {turn.id: turn.text for turn in memory.reconstruct("s")}
    assert "6543" in texts["a"]
    right = sum(texts[turn.id] == turn.text for turn in TURNS)
    assert right > 0.6 * len(TURNS)


def test_forgetting_a_turn_leaves_the_others(memory: OpticalMemory) -> None:
    receipt = memory.forget("s", turn="a")
    assert (receipt.turns, receipt.left) == (1, 0)
    left = memory.reconstruct("s")
    assert [turn.id for turn in left] == [turn.id for turn in TURNS if turn.id != "a"]
    assert sum(turn.exact for turn in left) >= len(left) - 2
    assert not any("Rotterdam" in turn.text for turn in left)


def test_a_text_of_many_pages_is_compressed_and_read(reader: PageCodec, tmp_path: Path) -> None:
    text = "\n".join(f"{n}. The quick brown fox jumps over {n * 37} lazy dogs." for n in range(150))
    done = compress(text, Tier.LARGE, reader)
    assert done.report.pages == 4
    assert done.report.accuracy > 0.99
    done.file.save(tmp_path / "fox.omem")
    read = "".join(page.text for page in read_pages(done.file, reader))
    assert len(read) == len(text)
    assert sum(a == b for a, b in zip(read, text, strict=True)) > 0.99 * len(text)
