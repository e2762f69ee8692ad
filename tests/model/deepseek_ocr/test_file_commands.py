"""`compress`, `decompress` and `read` of images, with the small random model in the large one's
place."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import optimem
from optimem import build, read_images
from optimem.cli import cli
from optimem.errors import FingerprintError
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.omem.text import TokenFile
from optimem.tiers import Tier
from tests.model.deepseek_ocr.papers import write_image, write_pdf
from tests.model.deepseek_ocr.test_image_reader import BriefReader

ROOT = Path(optimem.__file__).parents[1]
THIS_ONE = {**os.environ, "PYTHONPATH": str(ROOT)}
"""For a process in another folder: the package that is tested."""


@pytest.fixture(autouse=True)
def brief(reader: DeepSeekReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BriefReader:
    """The folder is `tmp_path`, and the model "x" the small one."""
    brief = BriefReader(reader.model, reader.tokenizer)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build, "deepseek_reader", {"x": brief}.__getitem__)
    return brief


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def made(*more: str) -> dict[str, object]:
    """What compressing an image and a PDF of two pages reports."""
    write_image(Path("a.png"))
    write_pdf(Path("b.pdf"), 2)
    done = run("compress", "a.png", "b.pdf", "--model", "x", "--mode", "tiny", "-o", "p.omem",
               "--json", *more)  # fmt: skip
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def test_images_go_into_one_file(brief: BriefReader) -> None:
    pytest.importorskip("pypdfium2")
    report = made("--packing", "int4")
    assert (report["pages"], report["vision_tokens"], report["positions"]) == (3, 3 * 64, 3 * 73)
    assert (report["mode"], report["packing"]) == ("tiny", "int4")
    assert report["stored_bytes"] == Path("p.omem").stat().st_size
    sizes = (Path("a.png").stat().st_size, Path("b.pdf").stat().st_size)
    assert report["source_bytes"] == sum(sizes)
    assert 0 < float(str(report["packing_error"])) < 0.2


def test_the_file_is_read_and_asked(brief: BriefReader) -> None:
    pytest.importorskip("pypdfium2")
    made()
    Path("a.png").unlink()
    markdown = [answer.grounded.text + "\n" for answer in read_images(Path("p.omem"), model="x")]
    incomplete = [f"page {number} is incomplete: limit\n" for number in (1, 2, 3)]
    done = run("decompress", "p.omem", "--model", "x")
    assert (done.stdout, done.stderr) == ("".join(markdown), "".join(incomplete))
    done = run("read", "p.omem", "--model", "x", "--page", "2")
    assert (done.stdout, done.stderr) == (markdown[1], incomplete[1])
    (said,) = read_images(Path("p.omem"), model="x", question="Sum?", pages=[0])
    done = run("read", "p.omem", "--model", "x", "--page", "1", "--ask", "Sum?")
    assert done.stdout == said.grounded.text + "\n" != markdown[0]
    done = run("decompress", "p.omem", "--model", "x", "-o", "p.md", "--page", "3", "--confidence")
    assert done.stdout == ""
    assert Path("p.md").read_text("utf-8").count("⟦") > 0


def test_one_input_names_the_output_and_fields_are_shown(brief: BriefReader) -> None:
    write_image(Path("scan.webp"))
    done = run("compress", "scan.webp", "--model", "x", "--mode", "tiny")
    assert "scan.webp → scan.omem" in done.stdout
    for field in ("vision tokens", "valid tokens", "positions", "packing error", "stored bytes"):
        assert field in done.stdout
    assert Path("scan.omem").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("compress a.png", 1, "a.png is or holds images, which optimem-nano cannot "
         "read; give --model deepseek-ai/DeepSeek-OCR"),
        ("compress p.omem --model x", 1, "cannot be read as an image"),
        ("compress junk.jpg --model x", 1, "junk.jpg cannot be read as an image"),
        ("compress a.png --model x --mode huge", 1, "no mode is called 'huge'"),
        ("compress a.png --model x --packing int2", 1, "no packing is called 'int2'"),
        ("compress a.png --model x --tier tiny", 2, "--tier is for text"),
        ("compress a.txt --mode tiny", 2, "--mode is for images"),
        ("compress a.txt --packing int4", 2, "--packing is for images"),
        ("compress a.txt a.png --model x -o m.omem", 1, "a.txt is text and a.png an image"),
        ("compress a.txt a.txt -o m.omem", 1, "got 2 texts; compress one at a time"),
        ("compress a.png a.png --model x", 2, "several inputs needs -o FILE.omem"),
        ("compress a.png none.png --model x -o m.omem", 2, "none.png: No such file"),
        ("compress . --model x -o m.omem", 2, ".: Is a directory"),
        ("compress a.png --model x -o none/m.omem", 1, "there is no folder none; make it first"),
        ("compress", 2, "Missing argument"),
        ("read p.omem", 1, "p.omem is or holds images"),
        ("decompress p.omem --model optimem-nano", 1, "give --model deepseek-ai/DeepSeek-OCR"),
        ("read p.omem --model x --mode large", 2, "--mode is for images that are not encoded"),
        ("read p.omem --model x --page 9", 1, "there is no page 9; the file has 1"),
        ("read cut.omem --model x", 1, "cut.omem is damaged or cut short"),
        ("read flipped.omem --model x", 1, "flipped.omem is damaged or cut short"),
        ("read b.pdf", 1, "b.pdf is or holds images"),
        ("read text.omem --model x --ask Sum?", 2, "--ask is for images; text.omem holds text"),
        ("decompress a.png --model x", 1, "a.png is not an .omem file"),
        ("read p.omem --model y", 1, "written by"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_named(
    brief: BriefReader, monkeypatch: pytest.MonkeyPatch, arguments: str, code: int, message: str
) -> None:
    write_image(Path("a.png"))
    Path("a.txt").write_text("a text")
    Path("b.pdf").write_bytes(b"%PDF-1.7")
    Path("junk.jpg").write_bytes(b"\xff\xfe\0\1")
    assert run("compress", "a.png", "--model", "x", "--mode", "tiny", "-o", "p.omem").exit_code == 0
    data = Path("p.omem").read_bytes()
    Path("cut.omem").write_bytes(data[:-7])
    Path("flipped.omem").write_bytes(data[:900] + bytes([data[900] ^ 1]) + data[901:])
    TokenFile([], Tier.TINY, "e").save(Path("text.omem"))
    other = BriefReader(brief.model, brief.tokenizer)
    other.fingerprint = "deepseek-ocr-other"
    monkeypatch.setattr(build, "deepseek_reader", {"x": brief, "y": other}.__getitem__)
    before = sorted(path.name for path in Path().iterdir())
    done = run(*arguments.split())
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr + str(done.exception)
    assert sorted(path.name for path in Path().iterdir()) == before


def test_a_text_goes_to_the_model_that_is_named(brief: BriefReader) -> None:
    Path("a.txt").write_text("a text")
    for command in (("compress", "a.txt"), ("read", "text.omem"), ("decompress", "text.omem")):
        TokenFile([], Tier.TINY, "e").save(Path("text.omem"))
        done = run(*command, "--model", "nobody/nothing")
        assert done.exit_code == 1
        assert "nobody/nothing" in str(done.exception)


def test_a_text_of_another_encoder_is_refused(brief: BriefReader) -> None:
    Path("a.txt").write_text("a text")
    assert run("compress", "a.txt", "--model", "optimem-nano").exit_code == 0
    file = TokenFile.load(Path("a.omem"))
    TokenFile(file.pages, file.tier, "deepseek-ocr-0123").save(Path("b.omem"))
    done = run("decompress", "b.omem")
    assert isinstance(done.exception, FingerprintError)
    for part in ("'deepseek-ocr-0123'", file.fingerprint, "--model"):
        assert part in str(done.exception)


def test_a_pipe_is_read_once(brief: BriefReader) -> None:
    Path("a.txt").write_text("a text that comes through a pipe\n")
    python = f"{sys.executable} -m optimem.cli"
    command = f"{python} compress <(cat a.txt) -o a.omem && {python} read <(cat a.omem)"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, env=THIS_ONE
    )
    assert "a text that comes through a pipe" in done.stdout, done.stderr


def test_an_interrupted_run_leaves_what_was_there(folder: Path) -> None:
    pytest.importorskip("pypdfium2")
    write_pdf(Path("paper.pdf"), 400)
    Path("paper.omem").write_bytes(b"from before")
    script = "tests.model.deepseek_ocr.small_command"
    command = [sys.executable, "-m", script, "compress", "paper.pdf", "--mode", "tiny",
               "--model", str(folder)]  # fmt: skip
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stderr=pipe, stdout=pipe, env=THIS_ONE) as running:
        while running.poll() is None and not any(
            path.stat().st_size for path in Path().glob("*.partial")
        ):
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=120)
    assert (running.returncode, out) == (130, b""), err
    assert b"interrupted" in err
    assert sorted(path.name for path in Path().iterdir()) == ["paper.omem", "paper.pdf"]
    assert Path("paper.omem").read_bytes() == b"from before"
