"""Commands with DeepSeek-OCR on files of images and of text and on memories, with the small random
model in its place."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

import optimem
from optimem import build, read_images
from optimem.cli import cli
from optimem.errors import FingerprintError
from optimem.model.deepseek_ocr.answers import AnswerPiece, PageAnswer
from optimem.model.deepseek_ocr.generation import FinishReason
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.omem.text import TokenFile
from optimem.store import open_store
from optimem.tiers import Tier
from tests.model.deepseek_ocr.image_files import write_image, write_pdf
from tests.model.deepseek_ocr.small import BriefReader

ROOT = Path(optimem.__file__).parents[1]
THIS_ONE = {**os.environ, "PYTHONPATH": str(ROOT)}
"""For a process in another folder: the package that is tested."""


MODEL = "small/model"
TEXT = "Staging listens on port 6543.\n\tIndented, 漢字 and עברית.\n"


@pytest.fixture(autouse=True)
def _small_model(
    brief: BriefReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The folder is `tmp_path`, and the small model goes by two names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build, "deepseek_reader", {"x": brief, MODEL: brief}.__getitem__)
    build.ruled_codec.cache_clear()
    yield
    build.ruled_codec.cache_clear()


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


def test_images_go_into_one_file() -> None:
    pytest.importorskip("pypdfium2")
    report = made("--packing", "int4")
    assert (report["pages"], report["vision_tokens"], report["positions"]) == (3, 3 * 64, 3 * 73)
    assert (report["mode"], report["packing"]) == ("tiny", "int4")
    assert report["stored_bytes"] == Path("p.omem").stat().st_size
    sizes = (Path("a.png").stat().st_size, Path("b.pdf").stat().st_size)
    assert report["source_bytes"] == sum(sizes)
    assert 0 < float(str(report["packing_error"])) < 0.2


def test_the_file_is_read_and_asked() -> None:
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


def test_an_answer_is_as_long_as_asked(reader: DeepSeekReader, monkeypatch: Any) -> None:
    monkeypatch.setattr(build, "deepseek_reader", {"x": reader}.__getitem__)
    write_image(Path("a.png"))
    run("compress", "a.png", "--model", "x", "--mode", "tiny", "-o", "p.omem")
    for command in ("read a.png --mode tiny", "read p.omem", "decompress p.omem"):
        said = [run(*command.split(), "--model", "x", "--limit", str(limit)) for limit in (3, 9)]
        assert [done.stderr for done in said] == ["page 1 is incomplete: limit\n"] * 2
        assert len(said[0].stdout) < len(said[1].stdout)
    (answer,) = read_images("p.omem", model="x", limit=9)
    assert answer.grounded.text + "\n" == said[1].stdout
    assert run("read", "p.omem", "--model", "x", "--limit", "0").exit_code == 2
    assert "--limit needs --model" in run("read", "a.png", "--limit", "3").stderr


def test_one_input_names_the_output_and_fields_are_shown() -> None:
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
        ("compress a.txt a.txt -o m.omem", 2, "2 texts become 2 files; leave out -o"),
        ("compress a.png a.png --model x", 2, "several images needs -o FILE.omem"),
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
        ("decompress text.omem --limit 5", 2, "--limit is for images; text.omem holds text"),
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
    TokenFile([], Tier.TINY, "e", True).save(Path("text.omem"))
    other = BriefReader(brief.model, brief.tokenizer)
    other.fingerprint = "deepseek-ocr-other"
    monkeypatch.setattr(build, "deepseek_reader", {"x": brief, "y": other}.__getitem__)
    before = sorted(path.name for path in Path().iterdir())
    done = run(*arguments.split())
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr + str(done.exception)
    assert sorted(path.name for path in Path().iterdir()) == before


def test_a_text_goes_to_the_model_that_is_named() -> None:
    Path("a.txt").write_text("a text")
    for command in (("compress", "a.txt"), ("read", "text.omem"), ("decompress", "text.omem")):
        TokenFile([], Tier.TINY, "e", True).save(Path("text.omem"))
        done = run(*command, "--model", "nobody/nothing")
        assert done.exit_code == 1
        assert "nobody/nothing" in str(done.exception)


def test_a_text_of_another_encoder_is_refused() -> None:
    Path("a.txt").write_text("a text")
    assert run("compress", "a.txt", "--model", "optimem-nano").exit_code == 0
    file = TokenFile.load(Path("a.omem"))
    TokenFile(file.pages, file.tier, "deepseek-ocr-0123", file.complete).save(Path("b.omem"))
    done = run("decompress", "b.omem")
    assert isinstance(done.exception, FingerprintError)
    for part in ("'deepseek-ocr-0123'", file.fingerprint, "--model"):
        assert part in str(done.exception)


def test_a_pipe_is_read_once() -> None:
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
    script = "tests.cli.small_deepseek_ocr"
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


def test_an_image_is_read_by_the_model(brief: BriefReader, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def read(image: Image.Image, prompt: str, mode: str, *_: object) -> PageAnswer:
        calls.append((image.size, prompt, mode))
        pieces = (AnswerPiece("# Tit", 0.9), AnswerPiece("le", 0.2))
        return PageAnswer(pieces, mode, FinishReason.LIMIT, *image.size)

    monkeypatch.setattr(brief, "read", read)
    write_image(Path("p.jpg"), 80, 60)
    done = run("read", "p.jpg", "--model", "x", "--confidence")
    assert done.output.splitlines() == ["# Tit⟦le⟧", "page 1 is incomplete: limit"]
    run("read", "p.jpg", "--model", "x", "--ask", "Sum?")
    assert calls[0][0] == (80, 60)
    assert "markdown" in calls[0][1]
    assert calls[1][1] == "<image>\nSum?"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--model", "x", "--mode", "huge"], "no mode is called 'huge'"),
        (["--model", "y"], "there is no folder y"),
        (["--ask", "What?"], "--ask needs --model"),
        (["--model", "x", "--page", "3"], "there is no page 3"),
    ],
)
def test_what_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, more: list[str], message: str
) -> None:
    path = write_image(Path("p.jpg").absolute())
    monkeypatch.undo()
    done = run("read", str(path), *more)
    assert done.exit_code != 0
    assert message in done.output + str(done.exception)


def test_a_text_goes_into_a_file_and_what_is_read_keeps_its_lines() -> None:
    text = "Staging listens on port 6543.\n\tIndented, and plain.\n"
    Path("a.txt").write_text(text)
    done = run("compress", "a.txt", "--model", MODEL, "--tier", "tiny", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["pages"], report["vision_tokens"], report["positions"]) == (1, 64, 73)
    assert 0 <= report["accuracy"] < 0.9
    assert TokenFile.load(Path("a.omem")).fingerprint.endswith("-ruled-3")
    read = run("decompress", "a.omem", "--model", MODEL).stdout
    assert [len(line) for line in read.split("\n")] == [len(line) for line in text.split("\n")]
    with pytest.raises(FingerprintError, match="--model"):
        CliRunner().invoke(cli, ["read", "a.omem"], catch_exceptions=False)


def test_a_memory_of_the_model_keeps_what_it_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTIMEM_STORE", "memory.db")
    Path("a.txt").write_text(TEXT)
    assert run("remember", "s", "a.txt", "--model", MODEL, "--flush").exit_code == 0
    monkeypatch.setenv("OPTIMEM_MODEL", MODEL)
    assert json.loads(run("stats", "s", "--json").stdout)["pages_by_tier"] == {"text": 1}
    (found,) = json.loads(run("recall", "s", "staging port", "--json").stdout)
    assert (found["text"], found["exact"]) == (TEXT, True)
    assert "6543" in run("ask", "s", "which port does staging listen on?").stdout


def test_an_image_without_a_model_that_reads_it_is_named() -> None:
    Path("scan.pdf").write_bytes(b"%PDF-1.7 and so on")
    done = run("remember", "s", "scan.pdf", "--store", "memory.db")
    assert done.exit_code != 0
    assert "needs a model that reads images" in done.output + str(done.exception)


@pytest.mark.parametrize("command", ["reconstruct s", "sweep", "inspect"])
def test_an_unknown_model_is_named(command: str) -> None:
    open_store("memory.db").close()
    done = run(*command.split(), "--model", "gpt-9", "--store", "memory.db")
    assert done.exit_code != 0
    assert "no model is called 'gpt-9'" in done.output + str(done.exception)


@pytest.mark.parametrize("command", ["stats", "pin s t", "unpin s t"])
def test_what_reads_no_page_takes_no_model(command: str) -> None:
    done = run(*command.split(), "--model", MODEL)
    assert done.exit_code == 2
    assert "No such option" in done.output
