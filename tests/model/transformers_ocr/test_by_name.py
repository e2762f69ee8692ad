"""A newer checkpoint by the name of its folder: files, the command line and a memory."""

from pathlib import Path

import pytest

from optimem import ImageArchive, OpticalMemory, build, compress_images, read_images
from optimem.model.deepseek_ocr.generation import GenerationSettings
from optimem.model.deepseek_ocr.image_reader import DeepSeekImageReader
from optimem.model.deepseek_ocr.images import MODES, open_image
from optimem.model.deepseek_ocr.prompts import ask
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from optimem.model.transformers_ocr.kinds import KINDS
from optimem.model.transformers_ocr.reader import TransformersReader
from optimem.testing import InMemoryStore, plain_codec
from tests.cli.command import run
from tests.model.deepseek_ocr.image_files import write_image
from tests.model.transformers_ocr.small import save_checkpoint


@pytest.fixture(scope="module", params=sorted(KINDS))
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp(request.param)
    save_checkpoint(request.param, folder)
    return str(folder)


def test_a_folder_opens_as_what_it_is(checkpoint: str) -> None:
    reader = build.deepseek_reader(checkpoint)
    assert isinstance(reader, TransformersReader)
    assert reader.kind in KINDS.values()


def test_images_are_compressed_read_and_asked(checkpoint: str, tmp_path: Path) -> None:
    out = tmp_path / "a.omem"
    report = compress_images(
        write_image(tmp_path / "a.png"), out, model=checkpoint, mode="small", packing="bf16"
    )
    assert report.pages == 1
    assert ImageArchive.load(out).fingerprint == report.encoder
    for question in (None, "What is it?"):
        (answer,) = read_images(out, model=checkpoint, question=question, limit=6)
        assert len(answer.pieces) <= 6


def test_the_command_line_reads_with_it(checkpoint: str, tmp_path: Path) -> None:
    source, out = str(write_image(tmp_path / "a.png")), str(tmp_path / "a.omem")
    done = run("compress", source, "--model", checkpoint, "--mode", "small", "-o", out)
    assert done.returncode == 0, done.stderr
    done = run("read", out, "--model", checkpoint, "--limit", "5")
    assert done.returncode == 0, done.stderr
    assert b"page 1 is incomplete: limit" in done.stderr
    done = run("compress", source, "--model", checkpoint, "--mode", "gundam-m", "-o", out)
    assert done.returncode == 1
    assert b"has no mode 'gundam-m'" in done.stderr


def test_a_memory_reads_and_asks_images(checkpoint: str, tmp_path: Path) -> None:
    settings = GenerationSettings(limit=12)
    images = DeepSeekImageReader(
        lambda: build.deepseek_reader(checkpoint), mode="small", settings=settings
    )
    with OpticalMemory.open(InMemoryStore(), codec=plain_codec(), images=images) as memory:
        report = memory.append_file("scans", write_image(tmp_path / "a.png"))
        assert report.added == 1
        assert memory.append_file("scans", tmp_path / "a.png").added == 0
        (turn,) = memory.reconstruct("scans")
    page = images.reader.encode([open_image(tmp_path / "a.png")], MODES["small"])[0]
    packed = StoredPage.from_bytes(page.to_bytes(Packing.INT8))
    (answer,) = images.reader.answer([page], settings=settings)
    assert turn.text.partition("\n")[2] == answer.grounded.text
    assert images.ask([page.to_bytes(Packing.INT8)], "What?").text == _asked(images, packed)


def _asked(images: DeepSeekImageReader, page: StoredPage) -> str:
    (answer,) = images.reader.answer([page], ask("What?"), images.settings)
    return answer.grounded.text


def test_an_answer_that_loops_is_tried_in_a_mode_that_there_is(checkpoint: str) -> None:
    reader = build.deepseek_reader(checkpoint)
    assert isinstance(reader, TransformersReader)
    for small, large in reader.larger_mode.items():
        assert {small, large} <= set(reader.kind.modes)
    assert reader.larger_mode["base"] in ("large", "gundam")
