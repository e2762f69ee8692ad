"""DeepSeek-OCR as a memory's reader of images, on the small random model: an image is read once,
found, asked, faded and forgotten."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from optimem import OpticalMemory
from optimem.errors import FingerprintError, InputError
from optimem.memory.decay import DecayPolicy
from optimem.memory.records.records import EntryKind, entry_place
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.records.serialization import unpack_image
from optimem.model.deepseek_ocr.generation import GenerationSettings
from optimem.model.deepseek_ocr.image_reader import DeepSeekImageReader
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from optimem.protocols import ImageAnswer
from optimem.testing import plain_codec
from optimem.turns import Scope

DAY = 86_400.0
NOW = 1_700_000_000.0
SCOPE = Scope.parse("s")
QUESTION = "lighthouse invoice?"


class Ending(DeepSeekImageReader):
    """What the random model says never comes to an end by itself; here it counts as complete."""

    def ask(self, pages: Sequence[bytes], question: str, salt: str = "") -> ImageAnswer:
        return super().ask(pages, question, salt)._replace(complete=True)


@pytest.fixture
def images(reader: DeepSeekReader) -> Ending:
    return Ending(lambda: reader, mode="tiny", settings=GenerationSettings(limit=8))


@pytest.fixture
def memory(images: Ending) -> Iterator[OpticalMemory]:
    with OpticalMemory.open(
        ":memory:", codec=plain_codec(), clock=lambda: NOW, images=images,
        policy=DecayPolicy(forget_after=400 * DAY),
    ) as opened:  # fmt: skip
        yield opened


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "lighthouse-invoice.png"
    pixels = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def tokens_of(memory: OpticalMemory) -> list[bytes]:
    """The stored tokens of every image, whether or not its turn is still there."""
    infos = memory.store.entries(SCOPE, EntryKind.IMAGE.prefix)
    entries = memory.store.get(SCOPE, [info.key for info in infos])
    return [unpack_image(e.value, entry_place(SCOPE, e.key)) for e in entries if e]


def test_a_scan_is_read_once_and_found_by_its_words(memory: OpticalMemory, scan: Path) -> None:
    assert memory.append_file("s", scan).added == 1
    again = memory.append_file("s", scan)
    assert (again.added, again.duplicates) == (0, 1)
    (turn,) = memory.reconstruct("s")
    assert turn.text.startswith("lighthouse-invoice.png, page 1\n")
    assert memory.recall("s", "lighthouse", k=1)[0].id == turn.id
    assert memory.stats("s").other_bytes > len(tokens_of(memory)[0])


def test_the_stored_tokens_alone_answer(memory: OpticalMemory, scan: Path) -> None:
    memory.append_file("s", scan)
    scan.unlink()
    found = memory.answer("s", QUESTION)
    (data,) = tokens_of(memory)
    expected = memory.images.ask([data], QUESTION) if memory.images else None
    assert expected
    assert (found.source, found.text) == ("image", expected.text)
    assert found.probability == expected.probability
    assert found.passages[0].text.startswith("lighthouse-invoice.png")
    assert StoredPage.from_bytes(data).mode == "tiny"


async def test_the_async_twin_answers_alike(memory: OpticalMemory, scan: Path) -> None:
    memory.append_file("s", scan)
    assert await memory.aanswer("s", QUESTION) == memory.answer("s", QUESTION)


def test_without_the_model_the_text_is_quoted(memory: OpticalMemory, scan: Path) -> None:
    memory.append_file("s", scan)
    memory.images = None
    found = memory.answer("s", QUESTION)
    assert found.source == "quoted"
    with pytest.raises(InputError, match="images="):
        memory.append_file("s", scan)


def test_forgetting_the_turn_forgets_the_image(memory: OpticalMemory, scan: Path) -> None:
    memory.append_file("s", scan)
    (turn,) = memory.reconstruct("s")
    receipt = memory.forget("s", turn=turn.id)
    assert receipt.left == 0
    assert tokens_of(memory) == []


@pytest.mark.parametrize("flushed", [True, False])
def test_so_does_time(memory: OpticalMemory, scan: Path, flushed: bool) -> None:
    memory.append_file("s", scan)
    if flushed:
        memory.flush("s")
    assert tokens_of(memory)
    for day in range(0, 2000, 100):
        memory.sweep(now=NOW + day * DAY)
    assert memory.reconstruct("s") == []
    assert tokens_of(memory) == []


def test_tokens_of_another_model_are_refused(memory: OpticalMemory, scan: Path) -> None:
    memory.append_file("s", scan)
    (data,) = tokens_of(memory)
    page = StoredPage.from_bytes(data)
    other = StoredPage("deepseek-ocr-other", page.mode, page.vision_tokens, 1, 1, page.tokens)
    (turn,) = memory.reconstruct("s")
    ScopeRecords(memory.store, SCOPE).put_image(turn.id, other.to_bytes(Packing.INT8))
    with pytest.raises(FingerprintError, match="deepseek-ocr-other"):
        memory.answer("s", QUESTION)


@pytest.mark.parametrize("content", [b"", b"no image", b"%PDF-1.7 cut"])
def test_what_holds_no_image_is_named_and_nothing_is_kept(
    memory: OpticalMemory, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.png"):
        memory.append_file("s", path)
    with pytest.raises(InputError, match=r"missing\.png"):
        memory.append_file("s", str(tmp_path / "missing.png"))
    assert memory.reconstruct("s") == []
