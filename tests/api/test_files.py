"""Files through the calls of a user: texts with the plain codec and the shipped model, images with
the small random one."""

from pathlib import Path

import pytest

from benchmarks.peer import random_model
from optimem import build, compress, compress_images, read_images, read_pages
from optimem.api.files import read_document, read_page_image
from optimem.errors import (
    FingerprintError,
    InputError,
    OptimemError,
    PageError,
    TextError,
)
from optimem.model.deepseek_ocr.images import MODES, open_image
from optimem.model.deepseek_ocr.prompts import MARKDOWN, ask
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored_tokens import Packing, StoredPage
from optimem.omem.text import TokenFile
from optimem.renderers.images import save_page
from optimem.testing import PlainModel, plain_codec
from optimem.tiers import Tier
from tests.model.deepseek_ocr.image_files import write_image, write_pdf
from tests.model.deepseek_ocr.small import SMALL, BriefReader

TEXT = "".join(f"line {number}\n" for number in range(440))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write_image(tmp_path / "scan.png")


def test_a_text_comes_back_from_its_file(tmp_path: Path) -> None:
    codec, steps = plain_codec(), list[tuple[int, int]]()
    done = compress(TEXT, Tier.TINY, codec, progress=lambda *step: steps.append(step))
    path = str(tmp_path / "text.omem")
    assert done.file.save(path) == done.report.stored_bytes
    pages = list(read_pages(TokenFile.load(path), codec))
    assert "".join(page.text for page in pages) == TEXT
    assert len(pages) == done.report.pages == 10
    assert steps == [(8, 10), (10, 10)]
    assert [p.text for p in read_pages(done.file, codec, pages=[9, 0])] == [
        pages[9].text,
        pages[0].text,
    ]


def test_the_report_of_a_text_adds_up() -> None:
    report = compress(TEXT, Tier.TINY, plain_codec({Tier.TINY: 100})).report
    assert (report.tier, report.characters, report.text_bytes) == ("tiny", len(TEXT), len(TEXT))
    assert (report.vision_tokens, report.positions) == (10 * 64, 10 * 73)
    assert report.ratio == round(report.text_tokens / report.vision_tokens, 2)
    assert report.ratio_positions == round(report.text_tokens / report.positions, 2)
    assert report.zstd_bytes < report.text_bytes
    assert report.accuracy == pytest.approx(0.99, abs=0.002)


def test_texts_that_cannot_be_compressed_are_named() -> None:
    with pytest.raises(InputError, match="no text to compress"):
        compress("", Tier.TINY, plain_codec())
    with pytest.raises(TextError):
        compress("a\ud800b", Tier.TINY, plain_codec())
    with pytest.raises(InputError, match="'gpt-9'"):
        compress("text", Tier.TINY, model="gpt-9")


def test_a_text_is_refused_before_anything_is_read() -> None:
    done = compress(TEXT, Tier.TINY, plain_codec())
    with pytest.raises(InputError, match="there is no page 11; the file has 10"):
        read_pages(done.file, plain_codec(), pages=[0, 10])
    other = PlainModel(fingerprint="plain-2")
    codec = plain_codec()._replace(encoder=other, decoder=other)
    with pytest.raises(FingerprintError, match=r"'plain-1'.*'plain-2'.*--model"):
        read_pages(done.file, codec)


def test_the_image_of_a_page_is_read(tmp_path: Path, scan: Path) -> None:
    renderer = build.nano_codec().renderer
    page = renderer.page(renderer.cells("The staging database listens on port 6543. " * 20))
    save_page(page.image(Tier.LARGE), tmp_path / "page.png")
    for source in (tmp_path / "page.png", str(tmp_path / "page.png")):
        assert "port 6543" in read_page_image(source).text
    with pytest.raises(PageError, match="90 × 120"):
        read_page_image(str(scan))


@pytest.mark.parametrize("packing", list(Packing))
def test_the_file_alone_answers_as_the_image_does(
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


def test_pages_keep_their_order_and_any_can_be_asked(brief: BriefReader, tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    sources = [write_pdf(tmp_path / "a.pdf", 3), write_image(tmp_path / "b.png")]
    out = tmp_path / "p.omem"
    assert compress_images(sources, out, model=brief, mode="tiny").pages == 4
    assert [answer.width for answer in read_images(out, model=brief)] == [200, 202, 204, 120]
    assert [a.width for a in read_images(out, model=brief, pages=[3, 1])] == [120, 202]
    with pytest.raises(InputError, match="there is no page 5; the file has 4"):
        read_images(out, model=brief, pages=[0, 4])


def test_a_file_of_another_model_is_refused(brief: BriefReader, scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "scan.omem"
    compress_images(scan, out, model=brief, mode="tiny")
    other = DeepSeekReader(random_model(SMALL, seed=5), brief.tokenizer)
    with pytest.raises(FingerprintError) as caught:
        read_images(out, model=other)
    for part in (brief.fingerprint, other.fingerprint, "--model"):
        assert part in str(caught.value)


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


def test_paths_may_be_strings(brief: BriefReader, scan: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "scan.omem")
    for sources in (str(scan), [str(scan)], [scan], (scan,)):
        assert compress_images(sources, out, model=brief, mode="tiny").pages == 1
        (answer,) = read_images(out, model=brief)
        assert answer.mode == "tiny"
    (answer,) = read_document(str(scan), model=brief, mode="tiny")
    assert answer.pieces


def test_files_that_cannot_be_opened_are_named(brief: BriefReader, tmp_path: Path) -> None:
    for read in (read_images, read_document):
        with pytest.raises(InputError, match="none cannot be read: No such file"):
            read(tmp_path / "none", model=brief)
        with pytest.raises(InputError, match="cannot be read: Is a directory"):
            read(str(tmp_path), model=brief)


def test_a_document_is_read_page_by_page(brief: BriefReader, tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    source = write_pdf(tmp_path / "a.pdf", 3)
    assert [answer.width for answer in read_document(source, model=brief, mode="tiny")] == [
        200,
        202,
        204,
    ]
    (answer,) = read_document(source, model=brief, mode="tiny", question="Sum?", pages=[1])
    assert (answer.width, answer.mode) == (202, "tiny")
    image = open_image(source)
    assert brief.read(image, ask("Sum?"), "tiny").width == 200
    for given, message in (
        ({"pages": [3]}, "there is no page 4; the file has 3"),
        ({"mode": "huge"}, "no mode is called 'huge'"),
        ({"question": " "}, "the question is empty"),
        ({"model": "optimem-nano"}, "optimem-nano reads only pages that optimem drew"),
    ):
        with pytest.raises(InputError, match=message):
            read_document(source, **({"model": brief} | given))  # type: ignore[arg-type]
