"""Images to an archive of vision tokens, on the small random model."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from optimem import ImageArchive, compress_images
from optimem.errors import InputError
from optimem.model.deepseek_ocr.image_archive import write_image_archive
from optimem.model.deepseek_ocr.images import MODES, open_image
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from tests.model.deepseek_ocr.image_files import write_image, write_pdf
from tests.model.deepseek_ocr.small import SMALL, BriefReader


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write_image(tmp_path / "scan.png")


def test_the_report_adds_up(brief: BriefReader, tmp_path: Path) -> None:
    sources = [
        write_image(tmp_path / "wide.png", 1000, 750),
        write_image(tmp_path / "p.jpg", 90, 120),
    ]
    steps: list[tuple[int, int]] = []
    out = tmp_path / "p.omem"
    report = compress_images(
        sources, out, model=brief, progress=lambda done, total: steps.append((done, total))
    )
    assert (report.mode, report.packing, report.encoder) == ("base", "int8", brief.fingerprint)
    assert (report.pages, report.vision_tokens, report.positions) == (2, 512, 546)
    assert report.valid_tokens == 2 * int(256 * 0.75)
    assert report.source_bytes == sum(source.stat().st_size for source in sources)
    assert report.stored_bytes == out.stat().st_size
    assert steps == [(1, 2), (2, 2)]


def test_what_packing_changed_is_measured(brief: BriefReader, scan: Path, tmp_path: Path) -> None:
    (page,) = brief.encode([open_image(scan)], MODES["tiny"])
    out, errors = tmp_path / "scan.omem", []
    for packing in Packing:
        report = compress_images(scan, out, model=brief, mode="tiny", packing=packing.value)
        kept = StoredPage.from_bytes(ImageArchive.load(out).page(0)).tokens
        error = float((kept - page.tokens).norm() / page.tokens.norm())
        assert report.packing_error == pytest.approx(error, abs=2e-6)
        errors.append(error)
    assert 0 < errors[0] < errors[1] < errors[2]


def test_tiled_modes_are_counted(brief: BriefReader, tmp_path: Path) -> None:
    scan = write_image(tmp_path / "p.png", 1300, 650)
    report = compress_images(scan, tmp_path / "p.omem", model=brief, mode="Gundam")
    tokens = MODES["gundam"].tokens(2, 1)
    assert (report.vision_tokens, report.valid_tokens) == (tokens, tokens)
    assert report.positions == MODES["gundam"].positions(2, 1)


def never() -> DeepSeekReader:
    raise AssertionError("the model was loaded for input that cannot be used")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"no image"), "cannot be read as an image"),
        (lambda path: path.write_bytes(b""), "cannot be read as an image"),
        (lambda path: write_pdf(path, locked=True), "locked with a password; save a copy"),
        (lambda path: write_pdf(path, 0), "has no pages"),
        (lambda path: path.write_bytes(b"%PDF-1.7 cut"), "cannot be read as a PDF"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: None, "No such file"),
    ],
)
def test_what_holds_no_image_is_named_and_writes_nothing(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    pytest.importorskip("pypdfium2")
    make(tmp_path / "x")
    out = tmp_path / "x.omem"
    sources = [write_image(tmp_path / "good.png"), tmp_path / "x"]
    with pytest.raises(InputError, match=message):
        write_image_archive(sources, out, never, MODES["tiny"], Packing.INT8)
    assert not list(tmp_path.glob("x.omem*"))


@pytest.mark.parametrize("kind", ["page", "jpeg"])
def test_a_fault_halfway_leaves_nothing(brief: BriefReader, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("pypdfium2")
    if kind == "page":
        source = write_pdf(tmp_path / "x.pdf", 2, missing=True)
    else:
        source = write_image(tmp_path / "x.jpg", 400, 400)
        source.write_bytes(source.read_bytes()[:5000])
    sources = [write_image(tmp_path / "good.png"), source]
    with pytest.raises(InputError, match=r"x\.\w+ cannot be read"):
        compress_images(sources, tmp_path / "x.omem", model=brief, mode="tiny")
    assert not list(tmp_path.glob("x.omem*"))


def test_tokens_are_kept_as_they_are_in_bf16(folder: Path, scan: Path, tmp_path: Path) -> None:
    half = DeepSeekReader.open(
        folder, device=torch.device("cpu"), dtype=torch.bfloat16, config=SMALL
    )
    out = tmp_path / "scan.omem"
    report = compress_images(scan, out, model=half, mode="tiny", packing="bf16")
    assert report.packing_error == 0
