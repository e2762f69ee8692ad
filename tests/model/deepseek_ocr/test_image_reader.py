"""Images to a file and back, on the small random model."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmarks.peer import random_model
from optimem import ImageArchive, compress_images, read_images
from optimem.errors import FingerprintError, InputError, OptimemError
from optimem.model.deepseek_ocr.generation import GenerationSettings
from optimem.model.deepseek_ocr.images import MODES, count_images, open_image, open_images
from optimem.model.deepseek_ocr.prompts import MARKDOWN, ask
from optimem.model.deepseek_ocr.reader import DeepSeekReader, PageAnswer
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from tests.model.deepseek_ocr.papers import write_image, write_pdf
from tests.model.deepseek_ocr.small import SMALL

BRIEF = GenerationSettings(limit=12)


class BriefReader(DeepSeekReader):
    """The random model says nothing that ends; here it says little."""

    def answer(
        self,
        pages: Sequence[StoredPage],
        prompt: str = MARKDOWN,
        settings: GenerationSettings | None = BRIEF,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[PageAnswer]:
        return super().answer(pages, prompt, BRIEF, cancelled)


@pytest.fixture(scope="module")
def brief(reader: DeepSeekReader) -> BriefReader:
    return BriefReader(reader.model, reader.tokenizer)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write_image(tmp_path / "scan.png")


@pytest.mark.parametrize("packing", list(Packing))
def test_the_file_alone_answers_as_the_picture_does(
    brief: BriefReader, scan: Path, tmp_path: Path, packing: Packing
) -> None:
    out = tmp_path / "scan.omem"
    (page,) = brief.encode([open_image(scan)], MODES["tiny"])
    stored = StoredPage.from_bytes(page.to_bytes(packing))
    compress_images(scan, out, model=brief, mode="tiny", packing=packing.value)
    scan.unlink()
    for question in (None, "What is the total?"):
        prompt = MARKDOWN if question is None else ask(question)
        (found,) = read_images(out, model=brief, question=question)
        assert found == brief.answer([stored], prompt)[0]
        assert found.pieces
        assert not found.complete


def test_the_report_adds_up(brief: BriefReader, tmp_path: Path) -> None:
    sources = [
        write_image(tmp_path / "wide.png", 1000, 750),
        write_image(tmp_path / "p.jpg", 90, 120),
    ]
    told: list[tuple[int, int]] = []
    out = tmp_path / "p.omem"
    report = compress_images(
        sources, out, model=brief, progress=lambda done, total: told.append((done, total))
    )
    assert (report.mode, report.packing, report.encoder) == ("base", "int8", brief.fingerprint)
    assert (report.pages, report.vision_tokens, report.positions) == (2, 512, 546)
    assert report.valid_tokens == 2 * int(256 * 0.75)
    assert report.source_bytes == sum(source.stat().st_size for source in sources)
    assert report.stored_bytes == out.stat().st_size
    assert told == [(1, 2), (2, 2)]


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


def test_pages_keep_their_order_and_any_can_be_asked(brief: BriefReader, tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    sources = [write_pdf(tmp_path / "a.pdf", 3), write_image(tmp_path / "b.png")]
    out = tmp_path / "p.omem"
    assert compress_images(sources, out, model=brief, mode="tiny").pages == 4
    assert [answer.width for answer in read_images(out, model=brief)] == [200, 202, 204, 120]
    assert [a.width for a in read_images(out, model=brief, pages=[3, 1])] == [120, 202]
    with pytest.raises(InputError, match="there is no page 5; the file has 4"):
        read_images(out, model=brief, pages=[0, 4])


def test_every_page_of_a_tiff_counts_and_no_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20 + at, 10), (at, 0, 0)) for at in range(3)]
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    for name in ("p.tiff", "p.gif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], exif=exif)
    sizes = [image.size for image in open_images(tmp_path / "p.tiff")]
    assert sizes[0] == (10, 20)
    assert len(sizes) == count_images(tmp_path / "p.tiff") == 3
    assert len(list(open_images(tmp_path / "p.gif"))) == count_images(tmp_path / "p.gif") == 1


def test_a_file_of_another_model_is_refused(brief: BriefReader, scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "scan.omem"
    compress_images(scan, out, model=brief, mode="tiny")
    other = DeepSeekReader(random_model(SMALL, seed=5), brief.tokenizer)
    with pytest.raises(FingerprintError) as caught:
        read_images(out, model=other)
    for part in (brief.fingerprint, other.fingerprint, "--model"):
        assert part in str(caught.value)


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
def test_what_is_no_picture_is_named_and_writes_nothing(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    from optimem.model.deepseek_ocr.image_archive import write_image_archive

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


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "huge"}, "no mode is called 'huge'; choose one of tiny"),
        ({"packing": "int2"}, "no packing is called 'int2'; choose one of bf16, int8, int4"),
        ({"model": "optimem-nano"}, "optimem-nano reads only pages that optimem drew"),
        ({"model": "./none"}, "there is no folder ./none"),
        ({"out": "none/x.omem"}, "there is no folder none"),
        ({"out": "scan.png"}, "would be written over itself"),
        ({"sources": []}, "nothing to compress"),
    ],
)
def test_what_cannot_be_done_is_named(
    brief: BriefReader, scan: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, object],
    message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(scan.parent)
    before = scan.read_bytes()
    sources, out = given.pop("sources", scan), Path(str(given.pop("out", "x.omem")))
    with pytest.raises(OptimemError, match=message):
        compress_images(sources, out, **({"model": brief} | given))  # type: ignore[arg-type]
    assert [path.name for path in scan.parent.iterdir()] == ["scan.png"]
    assert scan.read_bytes() == before


def test_tokens_are_kept_as_they_are_in_bf16(folder: Path, scan: Path, tmp_path: Path) -> None:
    half = DeepSeekReader.open(
        folder, device=torch.device("cpu"), dtype=torch.bfloat16, config=SMALL
    )
    out = tmp_path / "scan.omem"
    report = compress_images(scan, out, model=half, mode="tiny", packing="bf16")
    assert report.packing_error == 0
